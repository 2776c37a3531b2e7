// WorkerFork: the fork that gives the supervisor a worker. Edge.
internal import Gateway
internal import Platform

/// Forks so that the worker's parent is the supervisor, which adopts orphans and so learns how each
/// worker ends.
enum WorkerFork {
  /// Forks a worker, which runs `body`.
  ///
  /// - Returns: the worker's pid, in the mold.
  static func fork(
    _ gil: borrowing GIL, _ body: (borrowing GIL) -> Never
  ) -> Result<Int32, SystemCallError> {
    PythonFork.before(gil)
    do throws(SystemCallError) {
      let pid = try Process.forkOrphan()
      if pid == 0 {
        PythonFork.afterChild(gil)
        body(gil)
      }
      PythonFork.afterParent(gil)
      return .success(pid)
    } catch {
      PythonFork.afterParent(gil)
      return .failure(error)
    }
  }
}
