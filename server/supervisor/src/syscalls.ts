// The only file that knows koffi. The calls are bound to Linux's numbers, which are the same on x64 and arm64.
import { SupervisorError } from "./errors.ts";

if (process.platform !== "linux") {
  throw new SupervisorError(
    "PLATFORM_UNSUPPORTED",
    `@fieldpost/supervisor runs on Linux only, not on ${process.platform}`,
  );
}

// Its native part is an optional dependency of its own; without it koffi throws as it is loaded, and asks about bundlers.
const { default: koffi } = await import("koffi").catch((cause: unknown) => {
  throw new SupervisorError(
    "KOFFI_MISSING",
    `the package @koromix/koffi-linux-${process.arch} cannot be loaded: install without --omit=optional`,
    { cause },
  );
});

const libc = koffi.load(null);

const calls = {
  socket: libc.func("int socket(int domain, int type, int protocol)"),
  socketpair: libc.func("int socketpair(int domain, int type, int protocol, void *fds)"),
  setsockopt: libc.func("int setsockopt(int fd, int level, int name, void *value, uint32 length)"),
  bind: libc.func("int bind(int fd, void *address, uint32 length)"),
  listen: libc.func("int listen(int fd, int backlog)"),
  getsockname: libc.func("int getsockname(int fd, void *address, void *length)"),
  sendto: libc.func(
    "long sendto(int fd, void *data, size_t length, int flags, void *address, uint32 address_length)",
  ),
  close: libc.func("int close(int fd)"),
  execve: libc.func("int execve(const char *path, const char **argv, const char **envp)"),
  memfd_create: libc.func("int memfd_create(const char *name, unsigned int flags)"),
  sigaction: libc.func("int sigaction(int signal, void *action, void *old_action)"),
  sigprocmask: libc.func("int sigprocmask(int how, void *set, void *old_set)"),
  waitpid: libc.func("int waitpid(int pid, void *status, int options)"),
  fcntl: libc.func("int fcntl(int fd, int command, ...)"),
  dup3: libc.func("int dup3(int fd, int target, int flags)"),
  flock: libc.func("int flock(int fd, int operation)"),
  sched_getaffinity: libc.func("int sched_getaffinity(int pid, size_t length, void *mask)"),
  sched_setaffinity: libc.func("int sched_setaffinity(int pid, size_t length, void *mask)"),
  prctl: libc.func(
    "int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)",
  ),
};

/** For listening sockets; the kernel cuts it to net.core.somaxconn. */
export const BACKLOG = 4096;

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const F_DUPFD_CLOEXEC = 1030;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const O_CLOEXEC = 0o2000000;
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const MFD_CLOEXEC = 1;
const SIG_IGN = 1n;
const SIG_UNBLOCK = 1;
const WNOHANG = 1;
const PR_SET_PDEATHSIG = 1;

const errorNames = new Map(Object.entries(koffi.os.errno).map(([name, value]) => [value, name]));

/** A system call that answered -1. `code` is the errno's name, as in Node's own errors. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  readonly code: string;
  readonly syscall: string;

  constructor(syscall: string, errno: number) {
    const code = errorNames.get(errno) ?? `errno ${errno}`;
    super(`${syscall}: ${code}`);
    this.code = code;
    this.syscall = syscall;
  }
}

function call(name: keyof typeof calls, ...args: unknown[]): number {
  const result: number = calls[name](...args);
  if (result === -1) throw new SystemCallError(name, koffi.errno());
  return result;
}

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}

/** A new stream socket with close-on-exec, or an error. */
export function openSocket(family: "ipv4" | "ipv6" | "unix"): number {
  const domain = family === "unix" ? AF_UNIX : family === "ipv4" ? AF_INET : AF_INET6;
  return call("socket", domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/** Both ends of a stream pair, close-on-exec. */
export function openSocketPair(): [number, number] {
  const fds = Buffer.alloc(8);
  call("socketpair", AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
  return [fds.readInt32LE(0), fds.readInt32LE(4)];
}

export function setReuseAddress(fd: number): void {
  call("setsockopt", fd, SOL_SOCKET, SO_REUSEADDR, int(1), 4);
}

export function setReusePort(fd: number): void {
  call("setsockopt", fd, SOL_SOCKET, SO_REUSEPORT, int(1), 4);
}

/** Lets `[::]` serve IPv4 as well, whatever net.ipv6.bindv6only says. */
export function setDualStack(fd: number): void {
  call("setsockopt", fd, IPPROTO_IPV6, IPV6_V6ONLY, int(0), 4);
}

/** Binds to an address made by `packSocketAddress` or `packUnixAddress`. */
export function bindSocket(fd: number, address: Buffer): void {
  call("bind", fd, address, address.length);
}

export function listenSocket(fd: number, backlog: number): void {
  call("listen", fd, backlog);
}

/** The port that a bound TCP socket has. */
export function boundPort(fd: number): number {
  const address = Buffer.alloc(128);
  call("getsockname", fd, address, int(address.length));
  return address.readUInt16BE(2);
}

/** Sends one datagram to a unix socket, without waiting for room. */
export function sendDatagram(address: Buffer, data: Buffer): void {
  const fd = call("socket", AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  try {
    call("sendto", fd, data, data.length, MSG_DONTWAIT, address, address.length);
  } finally {
    closeFd(fd);
  }
}

export function closeFd(fd: number): void {
  call("close", fd);
}

/** A second descriptor for the same open socket, close-on-exec. */
export function duplicateFd(fd: number): number {
  return call("fcntl", fd, F_DUPFD_CLOEXEC, "int", 3);
}

/** Makes `target` another descriptor of what `fd` is; what it was before is closed. The standard streams stay open at an execve. */
export function replaceFd(fd: number, target: number): void {
  call("dup3", fd, target, target <= 2 ? 0 : O_CLOEXEC);
}

/**
 * Locks an open file, until the last descriptor of this opening of it is closed. False if somebody else has a lock that this one does not
 * go with: only shared ones go with shared ones.
 */
export function tryLock(fd: number, kind: "shared" | "exclusive"): boolean {
  try {
    call("flock", fd, (kind === "shared" ? LOCK_SH : LOCK_EX) | LOCK_NB);
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && /^E(AGAIN|WOULDBLOCK)$/.test(error.code)) return false;
    throw error;
  }
}

/** Lets a descriptor outlive an execve, or not. */
export function setCloseOnExec(fd: number, closes: boolean): void {
  call("fcntl", fd, F_SETFD, "int", closes ? FD_CLOEXEC : 0);
}

/** A file without a name, close-on-exec. */
export function openMemoryFile(name: string): number {
  return call("memfd_create", name, MFD_CLOEXEC);
}

/** Puts another program in the place of this one; returns only by throwing. Its exit handlers do not run. */
export function execute(file: string, args: readonly string[], env: readonly string[]): void {
  call("execve", file, [...args, null], [...env, null]);
}

// Larger than struct sigaction on any Linux; the handler is its first member.
const SIGACTION_BYTES = 256;

/** Ignores a signal, whatever handles it, and also in what `execute` starts. Returns what takes that back. */
export function ignoreSignal(signal: number): () => void {
  const before = Buffer.alloc(SIGACTION_BYTES);
  const ignore = Buffer.alloc(SIGACTION_BYTES);
  ignore.writeBigUInt64LE(SIG_IGN);
  call("sigaction", signal, ignore, before);
  return () => void call("sigaction", signal, before, null);
}

const SIGNAL_SET_BYTES = 128;

/** Lets a signal from 1 to 64 come through to the calling thread. */
export function unblockSignal(signal: number): void {
  const set = Buffer.alloc(SIGNAL_SET_BYTES);
  set.writeBigUInt64LE(1n << BigInt(signal - 1));
  call("sigprocmask", SIG_UNBLOCK, set, null);
}

/**
 * How a child ended that Node does not know, and the end of its zombie; undefined while it lives. Throws ECHILD if this process has
 * no such child.
 */
export function reap(pid: number): { code: number } | { signal: number } | undefined {
  const status = Buffer.alloc(4);
  if (call("waitpid", pid, status, WNOHANG) === 0) return undefined;
  const word = status.readInt32LE();
  const signal = word & 0x7f;
  return signal === 0 ? { code: (word >> 8) & 0xff } : { signal };
}

const AFFINITY_BYTES = 1024; // 8192 CPUs: the kernel refuses a mask shorter than its own

/** The CPUs that the calling thread may run on, ascending. */
export function getAffinity(): number[] {
  const mask = Buffer.alloc(AFFINITY_BYTES);
  call("sched_getaffinity", 0, mask.length, mask);
  const cpus: number[] = [];
  for (const [index, byte] of mask.entries()) {
    for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) cpus.push(index * 8 + bit);
  }
  return cpus;
}

/** Restricts the calling thread (in Node: the main thread, and what it spawns from now on) to `cpus`. */
export function setAffinity(cpus: readonly number[]): void {
  const mask = Buffer.alloc(AFFINITY_BYTES);
  for (const cpu of cpus) {
    const index = cpu >> 3;
    mask[index] = (mask[index] ?? 0) | (1 << (cpu & 7));
  }
  call("sched_setaffinity", 0, mask.length, mask);
}

/** Has the kernel send `signal` to this process when its parent dies. Survives execve, is not inherited. */
export function setParentDeathSignal(signal: number): void {
  call("prctl", PR_SET_PDEATHSIG, signal, 0, 0, 0);
}
