// WorkerFork: the two forks that give the supervisor a worker. Edge.
internal import Gateway
internal import Platform

/// Forks twice: the process between exits at once, so that the worker's parent becomes the
/// supervisor, which adopts orphans and so learns how each worker ends.
enum WorkerFork {
  /// Forks a worker, which runs `body`.
  ///
  /// - Returns: the worker's pid, in the mold.
  static func fork(
    _ gil: borrowing GIL, _ body: (borrowing GIL) -> Never
  ) -> Result<Int32, SystemCallError> {
    do throws(SystemCallError) {
      let ends = try FileDescriptor.pipe()
      let reading = FileDescriptor(owning: ends.read)
      let writing = FileDescriptor(owning: ends.write)
      PythonFork.before(gil)
      let between: Int32
      do throws(SystemCallError) {
        between = try Process.fork()
      } catch {
        PythonFork.afterParent(gil)
        throw error
      }
      if between == 0 {
        forkAgain(telling: writing.number)
        _ = consume reading
        _ = consume writing
        PythonFork.afterChild(gil)
        body(gil)
      }
      _ = consume writing
      let answer = SmallFile.bytes(of: reading.number, mostBytes: 8) ?? []
      Process.wait(for: between)
      PythonFork.afterParent(gil)
      return pid(from: answer)
    } catch {
      return .failure(error)
    }
  }

  /// In the process between: forks the worker, tells its pid and exits. Returns in the worker.
  private static func forkAgain(telling pipe: Int32) {
    var value: Int32
    do {
      value = try Process.fork()
      if value == 0 { return }
    } catch {
      value = -error.code
    }
    _ = unsafe withUnsafeBytes(of: &value) { bytes in
      unsafe SmallFile.write(bytes, to: pipe)
    }
    Process.exitAtOnce(0)
  }

  private static func pid(from bytes: [UInt8]) -> Result<Int32, SystemCallError> {
    guard bytes.count == 4 else { return .failure(SystemCallError("fork", code: 0)) }
    let value = unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: Int32.self) }
    return value > 0 ? .success(value) : .failure(SystemCallError("fork", code: -value))
  }
}
