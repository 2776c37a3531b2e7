// The pid file: written whole, refused to a second server, taken from a dead one, removed.
import Glibc
import Testing

@testable import Platform

@Suite struct PidFileTests {
  let directory = TemporaryDirectory()
  var path: String { directory.path + "/pid" }

  func write(_ text: String) throws {
    let file = try SmallFile.openLog(path)
    _ = unsafe Array(text.utf8).withUnsafeBytes { unsafe SmallFile.write($0, to: file.number) }
  }

  func takeAndLeave() throws {
    let file = try PidFile(path)
    #expect(SmallFile.text(path, mostBytes: 32) == "\(Process.id)\n")
    _ = consume file
    #expect(SmallFile.identity(path) == nil)
  }

  @Test func isWrittenAndRemoved() throws { try takeAndLeave() }

  @Test func ofADeadProcessIsReplaced() throws {
    try write("2147483647\n")
    try takeAndLeave()
  }

  @Test func ofAnotherProgramIsReplaced() throws {
    // Process 1 lives and is not called plimsoll: the number was used again.
    try write("1\n")
    try takeAndLeave()
  }

  @Test(arguments: ["", "\n", " \n"]) func anEmptyOneIsReplaced(_ text: String) throws {
    try write(text)
    try takeAndLeave()
  }

  /// It may be somebody's work: `--pid` was mistyped.
  @Test(arguments: ["abc", "-5\n", "0\n", "precious = True\n"])
  func whatHoldsNoNumberIsLeftAlone(_ text: String) throws {
    try write(text)
    #expect(throws: PidFileError.notOurs) { _ = try PidFile(path) }
    #expect(SmallFile.text(path, mostBytes: 32) == text)
    SmallFile.remove(path)
  }

  @Test func anotherOwnersFileIsLeftAlone() throws {
    let file = try PidFile(path)
    SmallFile.remove(path)
    try write("1\n")
    _ = consume file
    #expect(SmallFile.text(path, mostBytes: 32) == "1\n")
  }

  /// Root writes into a directory of the application's user, who guesses the temporary name.
  @Test func aLinkInItsPlaceIsNotFollowed() throws {
    let precious = directory.path + "/precious"
    unsafe symlink(precious, "\(path).\(Process.id)")
    try takeAndLeave()
    #expect(SmallFile.identity(precious) == nil)
    unsafe symlink(precious, path)
    try takeAndLeave()
    #expect(SmallFile.identity(precious) == nil)
  }

  @Test func saysWhereItCannotBeWritten() {
    #expect(throws: PidFileError.self) { _ = try PidFile("/proc/nothing/pid") }
  }
}
