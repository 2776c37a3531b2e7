// What Swift cannot import from Glibc by itself: variadic functions, macros with casts,
// and calls that the C library does not wrap. Names are prefixed `clinux_`.
#ifndef PLIMSOLL_CLINUX_H
#define PLIMSOLL_CLINUX_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
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

/// Atomic exchange with sequentially consistent ordering.
static inline uint32_t clinux_atomic_exchange(uint32_t *word, uint32_t value) {
  return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

// The socket calls whose address argument is a transparent union with _GNU_SOURCE.
static inline int clinux_accept(int listener) {
  return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
static inline int clinux_peer_name(int socket, struct sockaddr_storage *address) {
  socklen_t length = sizeof *address;
  return getpeername(socket, (struct sockaddr *)address, &length);
}
static inline int clinux_local_name(int socket, struct sockaddr_storage *address) {
  socklen_t length = sizeof *address;
  return getsockname(socket, (struct sockaddr *)address, &length);
}

/// pthread_setname_np(3); names longer than 15 bytes are refused by the kernel.
static inline void clinux_thread_set_name(pthread_t thread, const char *name) {
  (void)pthread_setname_np(thread, name);
}

/// open(2)'s O_TMPFILE, a macro with an expression that Swift cannot import.
static inline int clinux_o_tmpfile(void) { return O_TMPFILE; }
/// mkostemp(3) with O_CLOEXEC.
static inline int clinux_mkostemp(char *name) { return mkostemp(name, O_CLOEXEC); }

#endif
