// LazyLoader: the import of an application inside a request. Edge.
internal import Configuration
internal import Platform

/// Loads the applications when the first request comes, as mod_wsgi does without preloading.
///
/// One thread imports; others that have a request wait for it without the GIL, which the import
/// gives up now and then. They hold no lock of the import system either, so nobody waits for them.
/// A failed import is tried again by the next request.
final class LazyLoader {
  private let settings: ServerSettings
  private let lock = Lock()
  private var pathIsPrepared = false

  init(settings: ServerSettings) { self.settings = settings }

  /// Waits until no other thread is loading. Called and left with the GIL held, which is given up
  /// meanwhile: whoever holds the lock needs it.
  func begin(_ handler: HandlerThread) { handler.waiting { lock.take() } }

  /// Lets others in.
  func end() { lock.give() }

  /// Loads the applications; nil where that fails, which is then in the error log.
  func load(
    _ handler: HandlerThread, _ gil: borrowing GIL
  ) -> UnsafeMutablePointer<PythonObject>? {
    do {
      let callables = unsafe try ApplicationLoader.callables(
        settings: settings, pathIsPrepared: &pathIsPrepared, gil)
      for message in MoldScript.startWorker(gil) {
        handler.waiting { ErrorLog.write(message.kind == .error ? .error : .warn, message.text) }
      }
      return unsafe callables
    } catch {
      let text = error.traceback.isEmpty ? error.message : "\(error.message)\n\(error.traceback)"
      // Standard error may be a pipe that nobody reads.
      handler.waiting { ErrorLog.write(.error, text) }
      return nil
    }
  }
}
