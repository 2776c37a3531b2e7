// ProcessGroupTests: several process groups on one command line, and on their way to plimsolld.
import Configuration
import Testing

@Suite struct ProcessGroupTests {
  private func parse(_ words: String...) throws -> ServeCommandLine {
    try ServeCommandLine(parsing: words, usableCPUs: 2)
  }

  private func message(_ words: String...) -> String {
    do {
      _ = try ServeCommandLine(parsing: words, usableCPUs: 2)
      return ""
    } catch {
      #expect(error.exitCode == .usage)
      return error.message
    }
  }

  @Test func whatStandsFirstIsTheDefaultOfTheOthers() throws {
    let line = try parse(
      "site.wsgi", "--workers", "3", "--env", "A=1", "--name", "front page", "--warm", "/",
      "--process-group", "blog", "--mount", "/blog=blog:app", "--workers", "1-2", "--env", "B=2",
      "--process-group", "shop", "--mount", "/shop/=shop", "--user", "shop")
    let model = line.model
    #expect(model.groups.map(\.processGroup) == ["main", "blog", "shop"])
    #expect(model.groups.map(\.workersMax) == [3, 2, 3])
    #expect(model.groups.map(\.workersMin) == [3, 1, 3])
    #expect(model.groups.map(\.environment) == [["A=1"], ["A=1", "B=2"], ["A=1"]])
    #expect(model.groups.map(\.user) == ["", "", "shop"])
    // What is served is nobody else's.
    #expect(model.groups.map(\.title) == ["front page", "blog", "shop"])
    #expect(model.groups.map(\.warmRequests) == [["/"], [], []])
    #expect(model.groups.map(\.application) == ["site.wsgi", "", ""])
    #expect(model.groups[2].applications.map(\.url) == ["/shop"])
  }

  @Test func theServersPartIsTheSameInEveryGroup() throws {
    let model = try parse(
      "site", "--bind", ":81", "--limit-request-line", "512", "--process-group", "a",
      "--mount", "/a=a"
    ).model
    for settings in model.groups {
      #expect(settings.binds == model.server.binds)
      #expect(settings.limitRequestLine == 512)
    }
  }

  @Test func withoutAnApplicationThereIsNoGroupMain() throws {
    let line = try parse("--user", "www", "--process-group", "a", "--mount", "/=a")
    #expect(line.model.groups.map(\.processGroup) == ["a"])
    #expect(line.model.server.user == "www")
    #expect(try parse().model.groups.count == 1)
  }

  @Test func applicationsHaveNumbers() throws {
    let settings = try parse("site", "--mount", "/b=b:c", "--mount", "/b/d=./d=e.wsgi").settings
    #expect(settings.applications.map(\.url) == ["/", "/b", "/b/d"])
    #expect(settings.applications.map(\.application) == ["site", "b:c", "./d=e.wsgi"])
  }

  @Test func refusedWords() {
    #expect(
      message("a", "--process-group", "b", "--mount", "/b=b", "--bind", ":80")
        .contains("--bind is about the whole server"))
    #expect(message("a", "--process-group", "b", "c").contains("--mount /URL=c"))
    #expect(message("a", "--process-group", "b").contains("has no application"))
    #expect(message("a", "--process-group", "main", "--mount", "/b=b").contains("of that name"))
    #expect(
      message(
        "a", "--process-group", "b", "--mount", "/b=b", "--process-group", "b", "--mount", "/c=c"
      ).contains("there is a group of that name"))
    #expect(
      message("a", "--process-group", "b", "--mount", "/=b")
        .contains("the URL / is given to the process groups main and b"))
    #expect(message("a", "--mount", "/=b").contains("the URL / is given to two applications"))
    #expect(
      message("a", "--mode", "embedded", "--process-group", "b", "--mount", "/b=b")
        .contains("needs --mode daemon"))
    #expect(message("a", "--process-group", "b c", "--mount", "/b=b").contains("is no name"))
    #expect(message("a", "--mount", "b=b").contains("does not begin with a slash"))
    #expect(message("a", "--mount", "/b").contains("names no application"))
    #expect(message("a", "--mount", "/b=b", "--mount", "/%62=c").contains("an earlier one has"))
    #expect(message("a", "--mount", "/b/../c=b").contains("empty, . or .. part"))
  }

  @Test(arguments: [(32, true), (33, false)]) func namesAreShort(count: Int, isRight: Bool) {
    let name = String(repeating: "x", count: count)
    let text = message("a", "--process-group", name, "--mount", "/b=b")
    #expect(text.isEmpty == isRight)
  }

  @Test(arguments: [(64, true), (65, false)]) func groupsAreBounded(count: Int, isRight: Bool) {
    var words = ["a"]
    for number in 0..<count {
      words += ["--process-group", "g\(number)", "--mount", "/\(number)=g"]
    }
    let line = try? ServeCommandLine(parsing: words, usableCPUs: 2)
    #expect((line != nil) == isRight)
  }

  @Test func sleepNeedsSomebodyToWakeIt() throws {
    #expect(try parse("a", "--inactivity-timeout", "60").settings.inactivityTimeoutMs == 60_000)
    #expect(
      message("a", "--inactivity-timeout", "60", "--mode", "embedded")
        .contains("--inactivity-timeout needs --mode daemon"))
    #expect(
      message("a", "--inactivity-timeout", "60", "--policy", "apache")
        .contains("--inactivity-timeout needs --policy loadline"))
  }

  // MARK: the mode

  @Test func httpdsModelsAreEmbedded() throws {
    #expect(try parse("a").settings.mode == "daemon")
    #expect(try parse("a", "--mpm", "event").settings.mode == "daemon")
    for words in [["--mpm", "prefork"], ["--mpm", "worker"], ["--policy", "apache"]] {
      let line = try ServeCommandLine(parsing: ["a"] + words, usableCPUs: 2)
      #expect(line.settings.mode == "embedded")
      #expect(line.origin(of: "mode").text.contains(words.joined(separator: " ")))
    }
    let line = try parse("a", "--mode", "daemon", "--mpm", "prefork")
    #expect(line.settings.mode == "daemon")
    #expect(line.warnings.contains { $0.contains("--mpm prefork has no effect") })
  }

  // MARK: the model as bytes

  @Test func theModelComesThrough() throws {
    var model = try parse(
      "site", "--env", "S=ä", "--process-group", "a", "--mount", "/a=a", "--timeout", "7"
    ).model
    #expect(try ServerModel(encoded: model.encoded) == model)
    for words in [[], [""], ["site", "--env", "S=ä", ""]] {
      model.invocation = Invocation(program: "/usr/bin/plimsoll", directory: "", words: words)
      #expect(try ServerModel(encoded: model.encoded) == model)
    }
  }

  @Test func cutModelsAreRefused() throws {
    let bytes = try parse("site", "--process-group", "a", "--mount", "/a=a").model.encoded
    for count in [0, 3, 4, bytes.count / 3, bytes.count - 1] {
      #expect(throws: UsageError.self) { try ServerModel(encoded: Array(bytes.prefix(count))) }
    }
    #expect(throws: UsageError.self) { try ServerModel(encoded: bytes + [1]) }
    #expect(throws: UsageError.self) { try ServerModel(encoded: bytes + [255, 255, 255, 127]) }
  }
}
