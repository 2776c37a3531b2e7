// Processes: what Supervision and PlimsollPython need and Swift cannot import.
#include "CLinux.h"
#include <grp.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

// The process whose handlers these are. Children that the application forks inherit the handlers,
// but are no part of the server: a signal must do to them what it does to any program.
static volatile pid_t handling_process = 0;

int clinux_fork(void) {
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  pid_t pid = fork();
  // No signal comes in between: this child is one of ours from its first step on.
  if (pid == 0) handling_process = getpid();
  sigprocmask(SIG_SETMASK, &before, NULL);
  return pid;
}

// The process between runs in the caller's memory and on its stack while the caller stands still
// (vfork(2)), so only the second fork copies page tables; that is the greatest part of what a fork
// costs. What is forbidden after vfork(2) is to change what the caller relies on: this child calls
// fork(3), whose handlers put back what they changed in the process that called it, stores the
// result, and exits. The worker has a copy of its own, and returns from here like any forked child.
__attribute__((noinline)) int clinux_fork_orphan(void) {
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  volatile pid_t pid = -1;
  volatile int error = 0;
  pid_t between = vfork();
  if (between == 0) {
    pid = fork();
    if (pid == 0) {
      handling_process = getpid();
      sigprocmask(SIG_SETMASK, &before, NULL);
      return 0;
    }
    error = errno;
    _exit(0);
  }
  if (between < 0) error = errno;
  // Until it is gone, the orphan is no child of who adopts it.
  while (between > 0 && waitpid(between, NULL, 0) < 0 && errno == EINTR) {}
  sigprocmask(SIG_SETMASK, &before, NULL);
  errno = error;
  return pid;
}

int clinux_signalfd(const int *signals, int count) {
  sigset_t set;
  sigemptyset(&set);
  for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return -1;
  return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int clinux_pidfd_queue_signal(int pidfd, int signal, int value) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_int = value;
  return syscall(SYS_pidfd_send_signal, pidfd, signal, &info, 0) == 0 ? 0 : -errno;
}

int clinux_next_signal(int fd, int *sender, int *value) {
  struct signalfd_siginfo info;
  ssize_t got;
  do got = read(fd, &info, sizeof info);
  while (got < 0 && errno == EINTR);
  if (got != sizeof info) return 0;
  *sender = info.ssi_code == SI_KERNEL ? -1 : (int)info.ssi_pid;
  *value = info.ssi_code == SI_QUEUE ? (int)info.ssi_int : -1;
  return (int)info.ssi_signo;
}

const char *clinux_signal_abbreviation(int signal) { return sigabbrev_np(signal); }

void clinux_reset_signals(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; signal++) sigaction(signal, &action, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void install(int signal, void (*handler)(int)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, NULL);
}

void clinux_ignore_signal(int signal) { install(signal, SIG_IGN); }

// In a child of the application: what the signal does where nobody handles it. Async-signal-safe.
static int is_of_somebody_else(int signal) {
  if (getpid() == handling_process) return 0;
  install(signal, SIG_DFL);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, signal);
  raise(signal);
  // It waits until now, as a signal is blocked while it is handled.
  pthread_sigmask(SIG_UNBLOCK, &one, NULL);
  return 1;
}

static void do_nothing(int signal) { (void)is_of_somebody_else(signal); }

static void install_ours(int signal, void (*handler)(int)) {
  handling_process = getpid();
  install(signal, handler);
}

void clinux_noop_signal(int signal) { install_ours(signal, do_nothing); }

static volatile int notified_descriptor = -1;

static void notify(int signal) {
  int saved = errno;
  if (is_of_somebody_else(signal)) return;
  uint64_t one = 1;
  if (notified_descriptor >= 0 && write(notified_descriptor, &one, sizeof one) < 0) {
    // A full eventfd is readable already.
  }
  errno = saved;
}

void clinux_notify_signal(int signal, int fd) {
  notified_descriptor = fd;
  install_ours(signal, notify);
}

int clinux_realtime_signal(int offset) { return SIGRTMIN + offset; }

int clinux_wait_kind(int status, int *value) {
  if (WIFEXITED(status)) {
    *value = WEXITSTATUS(status);
    return 1;
  }
  *value = WTERMSIG(status) | (WCOREDUMP(status) ? 256 : 0);
  return 2;
}

#define MOST_DESCRIPTORS 16

long clinux_send_message(int fd, const void *bytes, size_t count, const int *fds, int fdcount) {
  if (fdcount > MOST_DESCRIPTORS) return -EINVAL;
  struct iovec part = {(void *)bytes, count};
  union {
    char bytes[CMSG_SPACE(sizeof(int) * MOST_DESCRIPTORS)];
    struct cmsghdr aligned;
  } control;
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (fdcount > 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)fdcount);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)fdcount);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * (size_t)fdcount);
  }
  long sent;
  do sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

long clinux_receive_message(int fd, void *bytes, size_t count, int *fds, int *fdcount) {
  struct iovec part = {bytes, count};
  union {
    char bytes[CMSG_SPACE(sizeof(int) * MOST_DESCRIPTORS)];
    struct cmsghdr aligned;
  } control;
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  *fdcount = 0;
  long got;
  do got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  if (got < 0) return -errno;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t carried = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < carried && *fdcount < MOST_DESCRIPTORS; i++) {
      memcpy(&fds[(*fdcount)++], CMSG_DATA(header) + i * sizeof(int), sizeof(int));
    }
  }
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
    for (int i = 0; i < *fdcount; i++) close(fds[i]);
    *fdcount = 0;
    return -EMSGSIZE;
  }
  return got;
}

int clinux_open(const char *path, int flags, unsigned mode) { return open(path, flags, mode); }

int clinux_fcntl(int fd, int command, int argument) { return fcntl(fd, command, argument); }

int clinux_prctl(int option, unsigned long argument) { return prctl(option, argument, 0, 0, 0); }

int clinux_set_name(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }

int clinux_memfd(const char *name) {
  return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

int clinux_seal(int fd, int contents) {
  int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | (contents ? F_SEAL_WRITE : 0);
  return fcntl(fd, F_ADD_SEALS, seals);
}

int clinux_is_child(int pid) {
  siginfo_t info;
  int rc;
  do rc = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
  while (rc != 0 && errno == EINTR);
  return rc == 0;
}

int clinux_pipe(int *read_end, int *write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  *read_end = ends[0];
  *write_end = ends[1];
  return 0;
}

const char *clinux_program_path(void) { return (const char *)getauxval(AT_EXECFN); }

void clinux_trim_heap(void) { malloc_trim(0); }

size_t clinux_heap_end_bytes(void) { return mallinfo2().keepcost; }

int clinux_become(const char *name, unsigned uid, unsigned gid) {
  if (initgroups(name, gid) != 0) return 1;
  if (setgid(gid) != 0) return 2;
  if (setuid(uid) != 0) return 3;
  return 0;
}
