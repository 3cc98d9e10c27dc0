// A process that only computes, for as long as it is asked to.
process.on("message", ({ forMs }: { forMs: number }) => {
  const began = performance.now();
  while (performance.now() - began < forMs);
  process.send!({});
});
process.on("SIGTERM", () => process.exit(0));
process.send!({});
