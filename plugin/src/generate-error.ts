/** Something in the proto or in buf.gen.yaml that its author has to change; reported without a stack. */
export class GenerateError extends Error {
  override readonly name = "GenerateError";
}
