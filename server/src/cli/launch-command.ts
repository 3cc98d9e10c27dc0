/**
 * How this program is started again: by the name that the launcher was called by, which finds the newest release and the Node that belongs
 * to it. Empty where it was started without the launcher.
 */
export function launchCommand(): { command?: string[] } {
  const launcher = process.env["FIELDPOST_LAUNCHER"];
  return launcher === undefined ? {} : { command: [launcher, ...process.argv.slice(2)] };
}
