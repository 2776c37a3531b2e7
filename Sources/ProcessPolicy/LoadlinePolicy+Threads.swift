// LoadlinePolicy+Threads: more threads where there cannot be more processes. Pure.

extension LoadlinePolicy {
  /// What one more handler thread of a process takes, bytes.
  ///
  /// Measured with the Django example on Python 3.11 to 3.13, 20 and 36 threads against 4 that all
  /// have requests: own pages 80 to 130 kB where a view only waits, 200 to 280 kB for
  /// `/admin/login/` (the stack, and the allocators' arenas of the thread), 4 to 8 kB of page
  /// tables, and 16 kB of the kernel's stack.
  public static let threadBytes: Int64 = 320 << 10

  /// What it takes at least, bytes: its part of a measured process, which may safely be left out
  /// where that of one without added threads is asked for.
  public static let leastThreadBytes: Int64 = 96 << 10

  /// Threads that each process needs: as many as it has by default, but where the demand needs more
  /// processes than there can be, as many as give the handlers that those would have had.
  ///
  /// - Parameter processes: those that serve, load, or may still be started.
  func threadsNeeded(demand: Int, processes: Int) -> Int {
    let least = settings.threadsPerProcess
    guard state.binding == .memory || state.binding == .processes, processes > 0 else {
      return least
    }
    let handlers = demand + Self.spareHandlers
    let needed = (handlers + processes - 1) / processes
    let most = min(settings.mostThreadsPerProcess, settings.mostHandlers / processes)
    return max(least, min(needed, most))
  }

  /// Threads that fit into the memory besides those that are allowed; for each of so many
  /// processes.
  ///
  /// - Parameter toCome: processes that are wanted and not started yet; they come first.
  func threadsAdmitted(_ tick: PolicyTick, processes: Int, toCome: Int) -> Int {
    guard let memory = tick.memory else { return .max }
    guard !Self.isStalled(memory) else { return 0 }
    let reserved = state.binding == .memory ? 0 : memory.expectedBytes * Int64(max(0, toCome))
    let room = memory.budget.room(figures(memory, tick)).bytes - reserved
    return room > 0 ? Int(clamping: room / Self.threadBytes) / max(1, processes) : 0
  }

  /// What the threads that are allowed will still take where they are not started yet.
  func pendingThreadBytes(_ process: ProcessSnapshot) -> Int64 {
    // A scout has one, always.
    guard !process.isScout else { return 0 }
    let started = max(settings.threadsPerProcess, process.busyThreads + process.idleThreads)
    return Int64(max(0, state.threads - started)) * Self.threadBytes
  }

  /// Decides how many threads each process may have: more at once, fewer with time.
  mutating func allowThreads(
    _ tick: PolicyTick, demand: Int, processes: Int, toCome: Int
  ) -> [ProcessAction] {
    guard settings.mostThreadsPerProcess > settings.threadsPerProcess else { return [] }
    let before = state.threads
    let needed = threadsNeeded(
      demand: demand, processes: state.binding == .memory ? processes : processes + toCome)
    if needed > before {
      state.threadSurplus.end()
      if !tick.isCPUSaturated {
        let admitted = threadsAdmitted(tick, processes: processes, toCome: toCome)
        state.threads += min(needed - before, admitted)
      }
    } else if needed < before {
      state.threads -= state.threadSurplus.toGo(have: before, wanted: needed, nowMs: tick.nowMs)
    } else {
      state.threadSurplus.end()
    }
    // More processes than before share the bound.
    let bound = max(settings.threadsPerProcess, settings.mostHandlers / max(1, processes))
    state.threads = min(state.threads, bound)
    guard state.threads != before else { return [] }
    return [.allowThreads(perProcess: state.threads)]
      + reportThreads(before: before, processes: processes, nowMs: tick.nowMs)
  }

  /// Says that threads stand in for processes; once in a while.
  private mutating func reportThreads(
    before: Int, processes: Int, nowMs: Int64
  ) -> [ProcessAction] {
    guard before == settings.threadsPerProcess, state.threads > before else { return [] }
    if let last = state.lastThreadReportMs, nowMs - last < Self.reportEveryMs { return [] }
    state.lastThreadReportMs = nowMs
    let why = state.binding == .memory ? "the memory forbids more" : "no more are allowed"
    let text =
      "\(processes == 1 ? "1 process serves" : "\(processes) processes serve") and \(why): each "
      + "may have \(state.threads) threads instead of \(settings.threadsPerProcess)"
    return [.log(PolicyMessage(.info, text))]
  }
}
