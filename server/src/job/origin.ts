/** Where a request goes to. */

export interface SplitUrl {
  /** Scheme, host and port, if it is not the scheme's own: `https://example.com:8443`. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
}

/**
 * Splits a URL as the WHATWG parser prints it: a slash ends the authority, so there is no need to parse it again. User
 * information and fragment are left out.
 */
export function splitUrl(url: string): SplitUrl {
  const authority = url.indexOf("://") + 3;
  const slash = url.indexOf("/", authority);
  const pathStart = slash < 0 ? url.length : slash;
  const fragment = url.indexOf("#", pathStart);
  const path = slash < 0 ? "/" : url.slice(slash, fragment < 0 ? undefined : fragment);
  // Validation refuses user information; should some come through, it stays here.
  const at = url.lastIndexOf("@", pathStart);
  const origin =
    at < authority ? url.slice(0, pathStart) : url.slice(0, authority) + url.slice(at + 1, pathStart);
  return { origin, path };
}
