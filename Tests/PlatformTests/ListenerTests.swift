// Listening sockets, on loopback and on paths.
import Glibc
import Testing

@testable import Platform

@Suite struct ListenerTests {
  let directory = TemporaryDirectory()

  @Test func takesAFreePort() throws {
    let address = try #require(Listener.resolve(host: "127.0.0.1", port: 0).first)
    let listener = try Listener(address, backlog: 5)
    #expect(listener.name.hasPrefix("http://127.0.0.1:"))
    #expect(!listener.name.hasSuffix(":0"))
  }

  @Test func refusesAPortThatIsTakenAndNamesTheOwner() throws {
    let address = try #require(Listener.resolve(host: "127.0.0.1", port: 0).first)
    let first = try Listener(address, backlog: 5)
    let port = try #require(first.name.split(separator: ":").last.flatMap { UInt16($0) })
    let same = try #require(Listener.resolve(host: "127.0.0.1", port: port).first)
    #expect(throws: SystemCallError("bind", code: SystemCallError.addressInUse)) {
      _ = try Listener(same, backlog: 5)
    }
    #expect(ProcessFiles.listener(onPort: port)?.pid == Process.id)
  }

  @Test func resolvesLiteralsAndTheWildcard() {
    #expect(Listener.resolve(host: "", port: 80).first?.isIPv6 == false)
    #expect(Listener.resolve(host: "*", port: 80).count == 1)
    #expect(Listener.resolve(host: "::1", port: 80).first?.isIPv6 == true)
    #expect(Listener.resolve(host: "no such host.invalid", port: 80).isEmpty)
  }

  @Test(arguments: [0o600, 0o666, 0o777, 0o750] as [UInt32])
  func unixSocketHasItsModeAndGoesWithItsOwner(_ mode: UInt32) throws {
    let path = directory.path + "/s"
    let listener = try Listener(unixPath: path, mode: mode, backlog: 5, owner: .current)
    #expect(listener.name == "unix:\(path)")
    var info = stat()
    #expect(unsafe lstat(path, &info) == 0)
    #expect(info.st_mode & 0o777 == mode)
    #expect(info.st_uid == Account.current.user)
    listener.removeFile()
    #expect(SmallFile.identity(path) == nil)
  }

  @Test func staleUnixSocketIsReplacedALiveOneIsNot() throws {
    let path = directory.path + "/s"
    var first: Listener? = try Listener(unixPath: path, mode: 0o600, backlog: 5)
    #expect(first != nil)
    #expect(throws: Listener.UnixError.self) {
      _ = try Listener(unixPath: path, mode: 0o600, backlog: 5)
    }
    first = nil
    let second = try Listener(unixPath: path, mode: 0o600, backlog: 5)
    second.removeFile()
  }

  @Test func aSuccessorsSocketIsNotRemoved() throws {
    let path = directory.path + "/s"
    let first = try Listener(unixPath: path, mode: 0o600, backlog: 5)
    SmallFile.remove(path)
    let second = try Listener(unixPath: path, mode: 0o600, backlog: 5)
    first.removeFile()
    #expect(SmallFile.identity(path) != nil)
    second.removeFile()
  }

  @Test func refusesPathsThatCannotBe() throws {
    for path in ["", directory.path + "/" + String(repeating: "x", count: 108)] {
      #expect(throws: Listener.UnixError.self) {
        _ = try Listener(unixPath: path, mode: 0o600, backlog: 5)
      }
    }
    let file = directory.path + "/file"
    _ = try SmallFile.openLog(file)
    #expect(throws: Listener.UnixError.self) {
      _ = try Listener(unixPath: file, mode: 0o600, backlog: 5)
    }
    #expect(SmallFile.identity(file) != nil)
  }

  @Test func inheritsOnlyListeningSockets() throws {
    let pair = try MessageSocket.makePair()
    #expect(throws: SystemCallError.self) { _ = try Listener(inherited: pair.0) }
    #expect(throws: SystemCallError.self) { _ = try Listener(inherited: 9999) }
    _ = FileDescriptor(owning: pair.0)
    _ = FileDescriptor(owning: pair.1)
  }
}
