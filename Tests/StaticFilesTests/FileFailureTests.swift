// FileFailureTests: which errno becomes which status. Edge.
import Glibc
import Platform
import Testing

struct FileFailureTests {
  @Test(arguments: [
    (ENOENT, FileFailure.absent), (ENOTDIR, .absent), (ELOOP, .absent), (EXDEV, .absent),
    (ENAMETOOLONG, .absent), (ENXIO, .absent), (EACCES, .forbidden), (EPERM, .forbidden),
    (EMFILE, .exhausted), (ENFILE, .exhausted), (ENOMEM, .exhausted), (EAGAIN, .exhausted),
    (EIO, .broken), (ESTALE, .broken),
  ])
  func `errors are told apart`(code: Int32, failure: FileFailure) {
    #expect(FileFailure(SystemCallError("openat2", code: code)) == failure)
  }

  @Test(arguments: [true, false])
  func `a directory opens only what is below it`(openat2: Bool) throws {
    let tree = TemporaryTree()
    tree.directory("d")
    tree.file("d/f", "inside")
    tree.file("f", "outside")
    let directory = try Directory(tree.path + "/d", allowsOpenat2: openat2)
    func code(_ path: String) -> Int32 {
      var bytes = Array(path.utf8)
      bytes.append(0)
      do throws(SystemCallError) {
        _ = try unsafe directory.openFile(bytes, followsSymlinks: false)
        return 0
      } catch {
        return error.code
      }
    }
    #expect(code("f") == 0)
    #expect(code("./f") == 0)
    #expect(code("../f") == EXDEV)
    #expect(code(tree.path + "/f") == EXDEV)
    #expect(code("") == ENOENT)
    #expect(code("none") == ENOENT)
    #expect(code("f/x") == ENOTDIR)
    #expect(code(String(repeating: "n", count: 256)) == ENAMETOOLONG)
    #expect(throws: SystemCallError("openat", code: ENOTDIR)) {
      _ = try Directory(tree.path + "/f")
    }
  }
}
