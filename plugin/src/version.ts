/** That of package.json; a test keeps them equal. Not read from there: the compiled form has no JSON imports. */
export const version = "0.1.0";
