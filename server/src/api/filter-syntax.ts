/**
 * The grammar of filters (AIP-160, google.aip.dev/assets/misc/ebnf-filtering.txt): from the text to a tree that knows
 * nothing of fields yet. Not offered of it: words without a field, functions, and parentheses after a comparator.
 */
import { quote } from "./names.ts";

export type Comparator = "=" | "!=" | "<" | "<=" | ">" | ">=" | ":";

/** A value or a part of a field's name. */
export interface Word {
  /** Without quotes and backslashes. */
  readonly text: string;
  /** 1 for the first character of the filter. */
  readonly column: number;
  readonly quoted: boolean;
  /** Where in the text a `*` is a wildcard. */
  readonly wildcards: readonly number[];
}

export interface Restriction {
  readonly kind: "restriction";
  /** What the dots separate; at least one. */
  readonly path: readonly Word[];
  readonly column: number;
  readonly comparator: Comparator;
  readonly comparatorColumn: number;
  readonly value: Word;
}

export type FilterSyntax =
  | { readonly kind: "and" | "or"; readonly operands: readonly FilterSyntax[] }
  | { readonly kind: "not"; readonly operand: FilterSyntax }
  | Restriction;

/** What one filter may take at the most, so that neither reading it nor asking a store with it takes long. */
export const maxFilterLength = 2048;
export const maxComparisons = 100;
export const maxParentheses = 20;

const comparisonMust = "a comparison must, such as state = FAILED";

/** The filter does not follow the grammar. */
export class FilterSyntaxError extends Error {
  override readonly name = "FilterSyntaxError";
}

/**
 * @returns undefined for an empty filter
 * @throws FilterSyntaxError that names the first place where the text leaves the grammar
 */
export function parseFilter(text: string): FilterSyntax | undefined {
  if (text.length > maxFilterLength) {
    const length = text.length.toLocaleString("en");
    const most = maxFilterLength.toLocaleString("en");
    throw new FilterSyntaxError(`has ${length} characters, at most ${most} are allowed`);
  }
  return new Parser(text).filter();
}

const space = /[ \t\r\n]*/y;
const keyword = /(?:AND|OR|NOT)(?=[ \t\r\n()]|$)/y;
const comparator = /<=|>=|!=|=|<|>|:/y;
/** As part of a field's name. */
const nameWord = /[^ \t\r\n.:=!<>()"'\\]+/y;
/** As a value: only its beginning must be told from a comparator, as times and URLs hold dots, colons and more. */
const valueWord = /[^ \t\r\n:=!<>()"'\\][^ \t\r\n()"'\\]*/y;
/** What is shown of text that has no place. */
const anything = /[ \t\r\n]|[^ \t\r\n]+/y;

/** Reads from left to right; each method skips the white space after what it has read. */
class Parser {
  readonly #text: string;
  /** Index of the next character. */
  #at = 0;
  #parentheses = 0;
  #comparisons = 0;

  constructor(text: string) {
    this.#text = text;
  }

  filter(): FilterSyntax | undefined {
    this.#take(space);
    if (this.#next() === undefined) return undefined;
    const expression = this.#expression();
    if (this.#next() !== undefined) this.#fail(`${quote(")")} closes nothing`);
    return expression;
  }

  /** `sequence {AND sequence}`, where a sequence is `factor {factor}`: all of the factors must match. */
  #expression(): FilterSyntax {
    const operands: FilterSyntax[] = [];
    do operands.push(this.#factor());
    while (this.#takeKeyword("AND") || (this.#next() !== undefined && this.#next() !== ")"));
    return operands.length === 1 ? operands[0]! : { kind: "and", operands };
  }

  /** `term {OR term}`: OR binds tighter than AND. */
  #factor(): FilterSyntax {
    const operands: FilterSyntax[] = [];
    do operands.push(this.#term());
    while (this.#takeKeyword("OR"));
    return operands.length === 1 ? operands[0]! : { kind: "or", operands };
  }

  #term(): FilterSyntax {
    const negated = this.#takeKeyword("NOT") || this.#takeCharacter("-");
    const operand = this.#next() === "(" ? this.#composite() : this.#restriction();
    return negated ? { kind: "not", operand } : operand;
  }

  #composite(): FilterSyntax {
    const from = this.#at;
    if (++this.#parentheses > maxParentheses) {
      this.#fail(`${quote("(")} is one too many: at most ${maxParentheses} may stand in each other`);
    }
    this.#takeCharacter("(");
    const expression = this.#expression();
    if (this.#next() === undefined) this.#fail(`${quote("(")} is not closed`, from);
    this.#at++;
    this.#parentheses--;
    this.#endTerm();
    return expression;
  }

  #restriction(): Restriction {
    const from = this.#at;
    const reserved = this.#match(keyword);
    if (reserved !== undefined) this.#fail(`${quote(reserved)} stands where ${comparisonMust}`);
    if (++this.#comparisons > maxComparisons) {
      this.#fail(`${this.#shown()} begins one comparison too many: at most ${maxComparisons} are allowed`);
    }
    const path = [this.#name(comparisonMust)];
    while (this.#next() === ".") {
      this.#at++;
      path.push(this.#name("the rest of a field's name must"));
    }
    const written = this.#text.slice(from, this.#at);
    if (this.#next() === "(") this.#fail(`${quote(written)} is a function; functions are not offered`, from);
    this.#take(space);
    const comparatorColumn = this.#column();
    const found = this.#take(comparator);
    if (found === undefined) {
      const rule = /^(?:and|or|not)$/i.test(written)
        ? "is no field; AND, OR and NOT are written in capitals"
        : "stands without a comparator; write FIELD = VALUE, as words alone are not searched for";
      this.#fail(`${quote(written)} ${rule}`, from);
    }
    this.#take(space);
    const value = this.#value();
    this.#endTerm();
    const column = this.#column(from);
    return { kind: "restriction", path, column, comparator: found as Comparator, comparatorColumn, value };
  }

  /** @param must what should stand here, for the message */
  #name(must: string): Word {
    const column = this.#column();
    if (this.#next() === '"' || this.#next() === "'") return this.#string();
    const text = this.#take(nameWord);
    if (text === undefined) this.#fail(`${this.#shown()} stands where ${must}`);
    return { text, column, quoted: false, wildcards: [] };
  }

  #value(): Word {
    const column = this.#column();
    if (this.#next() === '"' || this.#next() === "'") return this.#string();
    if (this.#next() === "(") {
      this.#fail(`${quote("(")} stands where a value must; give each value a comparison of its own`);
    }
    const reserved = this.#match(keyword);
    if (reserved !== undefined)
      this.#fail(`${quote(reserved)} stands where a value must; as a value it stands in quotes`);
    const text = this.#take(valueWord);
    if (text === undefined) {
      const hint = this.#next() === undefined ? "" : "; one that begins so stands in quotes";
      this.#fail(`${this.#shown()} stands where a value must${hint}`);
    }
    const wildcards = [...text.matchAll(/\*/g)].map(({ index }) => index);
    return { text, column, quoted: false, wildcards };
  }

  #string(): Word {
    const from = this.#at;
    const mark = this.#text[from];
    const wildcards: number[] = [];
    let text = "";
    for (this.#at++; this.#next() !== mark; this.#at++) {
      let character = this.#next();
      if (character === "*") wildcards.push(text.length);
      if (character === "\\") {
        character = this.#text[this.#at + 1];
        if (character !== undefined && !"\"'\\*".includes(character)) {
          this.#fail(`${quote(`\\${character}`)}: a backslash may stand before ", ', \\ and * only`);
        }
        this.#at++;
      }
      if (character === undefined)
        this.#fail(`${quote(this.#text.slice(from))} has no closing ${mark}`, from);
      text += character;
    }
    this.#at++;
    return { text, column: this.#column(from), quoted: true, wildcards };
  }

  /** After a comparison or a closing parenthesis. */
  #endTerm(): void {
    const next = this.#next();
    if (next !== undefined && !" \t\r\n)".includes(next)) {
      this.#fail(
        `${this.#shown()} follows without a space; a value with ( ) " ' or \\ in it stands in quotes`,
      );
    }
    this.#take(space);
  }

  #takeKeyword(word: "AND" | "OR" | "NOT"): boolean {
    if (this.#match(keyword) !== word) return false;
    this.#at += word.length;
    this.#take(space);
    return true;
  }

  #takeCharacter(character: string): boolean {
    if (this.#next() !== character) return false;
    this.#at++;
    this.#take(space);
    return true;
  }

  #take(pattern: RegExp): string | undefined {
    const text = this.#match(pattern);
    this.#at += text?.length ?? 0;
    return text;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0];
  }

  #next(): string | undefined {
    return this.#text[this.#at];
  }

  /** What stands at the next character. */
  #shown(): string {
    const text = this.#match(anything);
    return text === undefined ? "the end" : quote(text);
  }

  #column(index = this.#at): number {
    return Array.from(this.#text.slice(0, index)).length + 1;
  }

  #fail(message: string, index = this.#at): never {
    throw new FilterSyntaxError(`at column ${this.#column(index)}, ${message}`);
  }
}
