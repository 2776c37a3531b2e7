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
// ---- Processes: fork, exec, signals, descriptors in messages (process.c) ----

/// fork(2), which Swift's Glibc module marks unavailable. The caller has one thread. The handlers
/// of clinux_noop_signal and clinux_notify_signal work in this child as they do in its parent; in
/// children forked otherwise, by the application, signals have their default action.
int clinux_fork(void);

/// The same, but the child is nobody's: its parent is the process that adopts the caller's orphans
/// (PR_SET_CHILD_SUBREAPER). Returns 0 in the child, its pid in the caller, -1 with errno set.
int clinux_fork_orphan(void);

/// Blocks `count` signals and returns a non-blocking, close-on-exec signalfd(2) for them; -1 on
/// error.
int clinux_signalfd(const int *signals, int count);

/// Reads one signal from a signalfd: its number, sender and the number that came with it (-1 where
/// none did); 0 where none waits.
int clinux_next_signal(int fd, int *sender, int *value);

/// `TERM` for SIGTERM and so on; NULL for a number that has no name.
const char *clinux_signal_abbreviation(int signal);

/// Gives back every signal its default action and empties the signal mask: before exec.
void clinux_reset_signals(void);

/// Sets `signal` to be ignored.
void clinux_ignore_signal(int signal);

/// Installs a handler that does nothing, so that system calls are restarted and children start
/// with the default action.
void clinux_noop_signal(int signal);

/// Installs a handler for `signal` that adds one to the eventfd `fd`; async-signal-safe.
void clinux_notify_signal(int signal, int fd);

/// SIGRTMIN + `offset`, which is a function call in glibc.
int clinux_realtime_signal(int offset);

/// wait(2) status macros: 1 and the code, or 2 and the signal (the core flag in bit 8).
int clinux_wait_kind(int status, int *value);

/// Sends one message with `fdcount` (at most 16) descriptors. Returns bytes sent, or -errno.
long clinux_send_message(int fd, const void *bytes, size_t count, const int *fds, int fdcount);

/// Receives one message and at most 16 descriptors (close-on-exec) into `fds`, their number into
/// `fdcount`. Returns bytes, 0 at end of file, -errno on errors, -EMSGSIZE if it was cut short.
long clinux_receive_message(int fd, void *bytes, size_t count, int *fds, int *fdcount);

/// open(2) with a mode, a variadic function.
int clinux_open(const char *path, int flags, unsigned mode);

/// fcntl(2) with an integer argument, a variadic function.
int clinux_fcntl(int fd, int command, int argument);

/// prctl(2) with one argument, a variadic function.
int clinux_prctl(int option, unsigned long argument);

/// prctl(PR_SET_NAME): the short name of the thread, at most 15 bytes.
int clinux_set_name(const char *name);

/// memfd_create(2) with close-on-exec, which needs _GNU_SOURCE; it may be sealed.
int clinux_memfd(const char *name);

/// fcntl(2) F_ADD_SEALS: the size stays for ever, with `contents` what is in it too; 0, or -1.
int clinux_seal(int fd, int contents);

/// Whether `pid` is a child of this process that was not waited for yet; it may have ended.
int clinux_is_child(int pid);

/// pipe2(2) with close-on-exec, which needs _GNU_SOURCE.
int clinux_pipe(int *read_end, int *write_end);

/// getauxval(3) of AT_EXECFN: the path that execve(2) was given for this program; NULL if unknown.
const char *clinux_program_path(void);

/// malloc_trim(3): gives free heap pages back to the kernel.
void clinux_trim_heap(void);

/// mallinfo2(3)'s keepcost: bytes at the end of the heap that were never given out.
size_t clinux_heap_end_bytes(void);

/// initgroups(3), setgid(2) and setuid(2) in this order; 0, or the number of the one that failed.
int clinux_become(const char *name, unsigned uid, unsigned gid);
// ---- another process (Platform/RunningProcess.swift) ----

/// pidfd_open(2). Returns a close-on-exec descriptor, or a negative errno.
static inline int clinux_pidfd_open(int pid) {
  long rc = syscall(SYS_pidfd_open, pid, 0);
  return rc >= 0 ? (int)rc : -errno;
}

/// pidfd_send_signal(2) with a number for the receiver, as sigqueue(3) sends it. Returns 0, or a
/// negative errno.
int clinux_pidfd_queue_signal(int pidfd, int signal, int value);

/// pidfd_send_signal(2). Returns 0, or a negative errno.
static inline int clinux_pidfd_send_signal(int pidfd, int signal) {
  return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == 0 ? 0 : -errno;
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
