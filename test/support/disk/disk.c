/*
 * A disk that tests can slow down, watch and break: preloaded (LD_PRELOAD) into the relay's processes, it stands between
 * them and libc. Compiled and described to programs by disk.ts. Only files whose path starts with DISK_PATH and the
 * folder that holds them are concerned; all else goes straight through. Without DISK_PATH it does nothing.
 *
 *   DISK_PATH            the start of an absolute path with no symbolic link in it
 *   DISK_FSYNC_DELAY_US  each fsync and fdatasync takes so many microseconds more
 *   DISK_LOG             append a record of each change to this file, in the format that disk-log.ts reads
 *   DISK_FAIL_FSYNC      a folder: a file in it with the name of one of ours makes that one's next fsync fail with EIO,
 *                        and is removed by that. As Linux does it: the data is not tried again, and each other
 *                        descriptor that had the file open then gets one EIO too, which says nothing of its own data.
 *
 * The order of the log, over all threads and processes, is one that the disk may have seen: a change is logged when
 * it is done and before its caller goes on, so that what a caller relies on stands before all that it does next. An
 * fsync is logged when it begins and when it has ended: it covers what is logged before its beginning.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { CREATE = 1, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, UNLINK, RENAME };

struct record {
  uint32_t kind;
  uint32_t pid;
  uint64_t inode;
  uint64_t offset; /* of a write; size of a truncate; errno of a sync's end, REPEATED if it tells of an earlier one */
  uint32_t length; /* of what follows: a write's data, a name, or two with a NUL between */
  uint32_t call;   /* which sync of this process ended */
};

#define REPEATED (1 << 16)

#define MAX_FD 65536
/* The inode of what is open at a descriptor, if it is one of ours; 0 otherwise. */
static _Atomic uint64_t inodes[MAX_FD];
/* How many failures of the file it has been told of: the kernel's errseq_t. */
static _Atomic uint64_t failures_told[MAX_FD];
static _Atomic uint32_t calls;
static _Atomic int log_fd = -1;
static pthread_mutex_t names_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static char prefix[PATH_MAX];
static char folder[PATH_MAX];
static const char *log_path;
static const char *fail_folder;
static long delay_us;

#define REAL(name) ((__typeof__(&name))real_##name)
static void *real_open, *real_openat, *real_close, *real_write, *real_pwrite, *real_ftruncate, *real_fsync,
    *real_fdatasync, *real_unlink, *real_unlinkat, *real_rename;

static void find_real(void) {
  real_open = dlsym(RTLD_NEXT, "open");
  real_openat = dlsym(RTLD_NEXT, "openat");
  real_close = dlsym(RTLD_NEXT, "close");
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_unlink = dlsym(RTLD_NEXT, "unlink");
  real_unlinkat = dlsym(RTLD_NEXT, "unlinkat");
  real_rename = dlsym(RTLD_NEXT, "rename");
  const char *path = getenv("DISK_PATH");
  const char *delay = getenv("DISK_FSYNC_DELAY_US");
  log_path = getenv("DISK_LOG");
  fail_folder = getenv("DISK_FAIL_FSYNC");
  delay_us = delay == NULL ? 0 : atol(delay);
  if (path != NULL && path[0] == '/' && strlen(path) < sizeof prefix) {
    strcpy(prefix, path);
    strcpy(folder, path);
    *strrchr(folder, '/') = '\0';
  }
}

__attribute__((constructor)) static void ready(void) { pthread_once(&once, find_real); }

static void die(const char *what) {
  dprintf(2, "disk: %s: %s\n", what, strerror(errno));
  _exit(99);
}

/* Of the files, not of their folder. SQLite's -shm is shared memory: no disk has to keep it. */
static int is_ours(const char *path) {
  ready();
  if (prefix[0] == '\0' || path == NULL || strncmp(path, prefix, strlen(prefix)) != 0) return 0;
  size_t length = strlen(path);
  return length < 4 || strcmp(path + length - 4, "-shm") != 0;
}

static const char *name_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

static uint64_t inode_at(int fd) { return fd >= 0 && fd < MAX_FD ? atomic_load(&inodes[fd]) : 0; }

static int the_log(void) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  int fd = atomic_load(&log_fd);
  if (fd >= 0) return fd;
  pthread_mutex_lock(&mutex);
  fd = atomic_load(&log_fd);
  if (fd < 0) {
    int low = REAL(open)(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    /* Out of the way of programs that hand descriptors down by their number. */
    fd = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, 700);
    if (fd < 0) die(log_path);
    REAL(close)(low);
    atomic_store(&log_fd, fd);
  }
  pthread_mutex_unlock(&mutex);
  return fd;
}

/* One writev to a file opened with O_APPEND is one piece of it, whoever else appends. Keeps errno. */
static void append(struct record record, const void *data, size_t length) {
  if (log_path == NULL) return;
  int saved = errno;
  record.pid = (uint32_t)getpid();
  record.length = (uint32_t)length;
  struct iovec parts[] = {{&record, sizeof record}, {(void *)data, length}};
  ssize_t written = syscall(SYS_writev, the_log(), parts, length > 0 ? 2 : 1);
  if (written != (ssize_t)(sizeof record + length)) die("the log cannot be written");
  errno = saved;
}

/* One thread of one process at a time makes, removes or opens names, so that these stand in the log as they happened. */
static void lock_names(void) {
  if (log_path == NULL) return;
  pthread_mutex_lock(&names_mutex);
  while (flock(the_log(), LOCK_EX) != 0)
    if (errno != EINTR) die("flock");
}

static void unlock_names(void) {
  if (log_path == NULL) return;
  int saved = errno;
  flock(the_log(), LOCK_UN);
  pthread_mutex_unlock(&names_mutex);
  errno = saved;
}

/* Where the test says that the next fsync shall fail; with ".failed", a file as long as it did so often. */
static int fail_path(char *path, int fd, const char *suffix) {
  char link[64], target[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, target, sizeof target - 1);
  if (length < 0) return 0;
  target[length] = '\0';
  return snprintf(path, PATH_MAX, "%s/%s%s", fail_folder, name_of(target), suffix) < PATH_MAX;
}

static uint64_t failures(int fd) {
  char path[PATH_MAX];
  struct stat found;
  return fail_path(path, fd, ".failed") && stat(path, &found) == 0 ? (uint64_t)found.st_size : 0;
}

/* Of all that ask at once one hears yes. */
static int shall_fail(int fd) {
  char path[PATH_MAX];
  if (!fail_path(path, fd, "") || REAL(unlink)(path) != 0) return 0;
  if (!fail_path(path, fd, ".failed")) return 0;
  int counter = REAL(open)(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (counter < 0 || REAL(write)(counter, "x", 1) != 1) die(path);
  REAL(close)(counter);
  return 1;
}

/* What was opened: ours if it has an inode number. */
static void note(int fd, int created, int truncated, const char *name) {
  struct stat found;
  if (fd >= MAX_FD || fstat(fd, &found) != 0) die("fstat");
  atomic_store(&inodes[fd], (uint64_t)found.st_ino);
  if (fail_folder != NULL) atomic_store(&failures_told[fd], failures(fd));
  if (created) append((struct record){.kind = CREATE, .inode = found.st_ino}, name, strlen(name));
  else if (truncated) append((struct record){.kind = TRUNCATE, .inode = found.st_ino}, NULL, 0);
}

static int open_noted(int at, const char *path, int flags, mode_t mode) {
  ready();
  if (!is_ours(path)) {
    int fd = REAL(openat)(at, path, flags, mode);
    if (fd >= 0 && fd < MAX_FD && folder[0] != '\0' && path[0] == '/') {
      /* Also a name of our folder that ends in a slash. */
      size_t length = strlen(folder);
      const char *rest = path + length;
      if (strncmp(path, folder, length) == 0 && (strcmp(rest, "") == 0 || strcmp(rest, "/") == 0))
        note(fd, 0, 0, "");
    }
    return fd;
  }
  lock_names();
  int fd, created = 0;
  if ((flags & O_CREAT) != 0) {
    fd = REAL(openat)(at, path, flags | O_EXCL, mode);
    created = fd >= 0;
    if (fd < 0 && errno == EEXIST && (flags & O_EXCL) == 0)
      fd = REAL(openat)(at, path, flags & ~O_CREAT, mode);
  } else {
    fd = REAL(openat)(at, path, flags, mode);
  }
  if (fd >= 0) note(fd, created, (flags & O_TRUNC) != 0, name_of(path));
  unlock_names();
  return fd;
}

#define MODE_OF(flags, mode)                                        \
  mode_t mode = 0;                                                  \
  if (((flags) & O_CREAT) != 0 || ((flags) & O_TMPFILE) == O_TMPFILE) { \
    va_list rest;                                                   \
    va_start(rest, flags);                                          \
    mode = va_arg(rest, mode_t);                                    \
    va_end(rest);                                                   \
  }

int open(const char *path, int flags, ...) {
  MODE_OF(flags, mode)
  return open_noted(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  MODE_OF(flags, mode)
  return open_noted(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int at, const char *path, int flags, ...) {
  MODE_OF(flags, mode)
  return open_noted(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
  MODE_OF(flags, mode)
  return open_noted(at, path, flags | O_LARGEFILE, mode);
}

int close(int fd) {
  ready();
  /* Before: afterwards another thread may have the number. */
  if (inode_at(fd) != 0) atomic_store(&inodes[fd], 0);
  return REAL(close)(fd);
}

static ssize_t written_at(int fd, const void *data, ssize_t count, off_t offset) {
  if (count > 0)
    append((struct record){.kind = WRITE, .inode = inode_at(fd), .offset = (uint64_t)offset}, data, (size_t)count);
  return count;
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t offset) {
  ready();
  ssize_t result = REAL(pwrite)(fd, data, count, offset);
  return inode_at(fd) == 0 ? result : written_at(fd, data, result, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t count, off64_t offset) { return pwrite(fd, data, count, offset); }

ssize_t write(int fd, const void *data, size_t count) {
  ready();
  if (inode_at(fd) == 0) return REAL(write)(fd, data, count);
  off_t offset = lseek(fd, 0, SEEK_CUR);
  return written_at(fd, data, REAL(write)(fd, data, count), offset);
}

int ftruncate(int fd, off_t size) {
  ready();
  int result = REAL(ftruncate)(fd, size);
  if (result == 0 && inode_at(fd) != 0)
    append((struct record){.kind = TRUNCATE, .inode = inode_at(fd), .offset = (uint64_t)size}, NULL, 0);
  return result;
}

int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

static int sync_noted(int fd, int (*sync)(int)) {
  ready();
  uint64_t inode = inode_at(fd);
  if (inode == 0) return sync(fd);
  uint32_t call = atomic_fetch_add(&calls, 1);
  append((struct record){.kind = SYNC_BEGIN, .inode = inode, .call = call}, NULL, 0);
  int failed = fail_folder != NULL && shall_fail(fd);
  int error = failed ? EIO : sync(fd) == 0 ? 0 : errno;
  struct timespec left = {delay_us / 1000000, delay_us % 1000000 * 1000};
  while (delay_us > 0 && nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
  int repeated = 0;
  /* An fsync that ends well stands in the log before one of the same data that fails. */
  if (fail_folder != NULL) {
    lock_names();
    uint64_t count = failures(fd);
    repeated = atomic_exchange(&failures_told[fd], count) != count && !failed;
    if (repeated) error = EIO;
  }
  append((struct record){.kind = SYNC_END,
                         .inode = inode,
                         .offset = (uint64_t)(repeated ? error | REPEATED : error),
                         .call = call},
         NULL, 0);
  if (fail_folder != NULL) unlock_names();
  errno = error;
  return error == 0 ? 0 : -1;
}

int fsync(int fd) {
  ready();
  return sync_noted(fd, REAL(fsync));
}

int fdatasync(int fd) {
  ready();
  return sync_noted(fd, REAL(fdatasync));
}

int unlink(const char *path) {
  ready();
  if (!is_ours(path)) return REAL(unlink)(path);
  lock_names();
  int result = REAL(unlink)(path);
  if (result == 0) append((struct record){.kind = UNLINK}, name_of(path), strlen(name_of(path)));
  unlock_names();
  return result;
}

int unlinkat(int at, const char *path, int flags) {
  ready();
  return flags == 0 && is_ours(path) ? unlink(path) : REAL(unlinkat)(at, path, flags);
}

int rename(const char *from, const char *to) {
  ready();
  if (!is_ours(from) && !is_ours(to)) return REAL(rename)(from, to);
  char names[2 * NAME_MAX + 2];
  int length = snprintf(names, sizeof names, "%s%c%s", name_of(from), '\0', name_of(to));
  lock_names();
  int result = REAL(rename)(from, to);
  if (result == 0) append((struct record){.kind = RENAME}, names, (size_t)length);
  unlock_names();
  return result;
}
