// What Swift cannot import from Glibc by itself: variadic functions, macros with casts,
// and calls that the C library does not wrap. Names are prefixed `clinux_`.
#ifndef PLIMSOLL_CLINUX_H
#define PLIMSOLL_CLINUX_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <features.h>
// The name of fd_set's field depends on it, and must be the one of Swift's Glibc module.
#undef __USE_XOPEN
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/// futex(2) FUTEX_WAIT_PRIVATE with a relative time-out; milliseconds < 0 waits without end.
/// Returns 0 when woken, otherwise an errno (EAGAIN, ETIMEDOUT, EINTR).
static inline int clinux_futex_wait(uint32_t *word, uint32_t expected, int64_t milliseconds) {
  struct timespec limit = {milliseconds / 1000, (milliseconds % 1000) * 1000000};
  long rc = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected,
                    milliseconds < 0 ? NULL : &limit, NULL, 0);
  return rc == 0 ? 0 : errno;
}

/// futex(2) FUTEX_WAKE_PRIVATE: wakes at most `count` waiters, returns how many were woken.
static inline int clinux_futex_wake(uint32_t *word, int count) {
  return (int)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

// ---- files below a directory (Platform/Directory.swift) ----

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/// openat2(2) with open flags and RESOLVE_* flags. Returns a descriptor, or a negative errno.
static inline int clinux_openat2(int directory, const char *path, uint64_t flags,
                                 uint64_t resolve) {
  struct open_how how = {.flags = flags, .mode = 0, .resolve = resolve};
  long rc = syscall(SYS_openat2, directory, path, &how, sizeof how);
  return rc >= 0 ? (int)rc : -errno;
}

/// openat(2) without a mode. Returns a descriptor, or a negative errno.
static inline int clinux_open_name_at(int directory, const char *path, int flags) {
  int rc = openat(directory, path, flags);
  return rc >= 0 ? rc : -errno;
}

/// What a file is opened with: never a controlling terminal, never waiting for a FIFO's writer.
static const int clinux_open_file_flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
/// What a directory on the way is opened with: only to look names up in it.
static const int clinux_open_directory_flags = O_PATH | O_DIRECTORY | O_CLOEXEC;

// ---- end of files below a directory ----

#endif
