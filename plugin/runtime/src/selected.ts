// The type of what a mask selects, where the mask is known to the type checker. Generated code says where each field is
// held; this turns literal paths into the part of the message that they name.

/** Where one field is held: the property, its message, and what it is there. Generated. */
export interface FieldPlace {
  readonly property: string;
  /** The places of the fields of the message that the field, or each element of its list, holds. */
  readonly inside?: unknown;
  /** The member of a union that a oneof is held as. */
  readonly member?: string;
}

/**
 * The part of message `T` that the paths `Path` name; `Places` says where its fields are. For a mask that is not known
 * as literals, and for `*`, it is all of `T`. Maps and members of unions are not narrowed below their own name.
 */
export type Selected<T, Places, Path extends string> = string extends Path
  ? T
  : "*" extends Path
    ? T
    : {
        [
          Name in (keyof Places & Head<Path>) | ("$typeName" & keyof T) as PlaceOf<Places, Name>
        ]: Name extends keyof T & "$typeName"
          ? T[Name]
          : ValueOf<T, Places[Name & keyof Places], Name extends Path ? "*" : Below<Path, Name & string>>;
      };

type PlaceOf<Places, Name> = Name extends keyof Places ? PropertyOf<Places[Name]> : "$typeName";
type Head<Path extends string> = Path extends `${infer First}.${string}` ? First : Path;
type Below<Path extends string, Name extends string> = Path extends `${Name}.${infer Rest}` ? Rest : never;
type PropertyOf<Place> = Place extends { readonly property: infer Property extends PropertyKey }
  ? Property
  : never;

type ValueOf<T, Place, Path extends string> =
  PropertyOf<Place> extends infer Property extends keyof T
    ? Place extends { readonly member: infer Member }
      ? MemberOf<T[Property], Member>
      : "*" extends Path
        ? T[Property]
        : Place extends { readonly inside: infer Inside }
          ? InsideOf<T[Property], Inside, Path>
          : T[Property]
    : never;

type InsideOf<Value, Inside, Path extends string> = Value extends readonly (infer Element)[]
  ? Selected<Element, Inside, Below<Path, "*">>[]
  : Value extends undefined
    ? Value
    : Selected<Value, Inside, Path>;

/** ts-proto's unions have `$case`; those of protobuf-es have `case`, and one of undefined. */
type MemberOf<Union, Member> =
  | Extract<Union, { readonly $case: Member } | { readonly case: Member }>
  | Extract<Union, undefined | { readonly case: undefined }>;
