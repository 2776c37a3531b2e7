// swift-tools-version: 6.2
// The rooms of Plimsoll and the arrows between them; docs/ARCHITECTURE.md says what each holds.
import PackageDescription

/// What every room is compiled with.
///
/// Exclusivity is checked at compile time in every build, and at run time in debug builds only:
/// the dynamic checks cost a runtime call for each access to a stored property of a class.
let house: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .strictMemorySafety(),
  .unsafeFlags(
    ["-cross-module-optimization", "-enforce-exclusivity=unchecked"],
    .when(configuration: .release)),
]

func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: house)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name + "Tests", dependencies: dependencies, swiftSettings: house)
}

let package = Package(
  name: "plimsoll",
  products: [
    .executable(name: "plimsoll", targets: ["plimsoll"]),
    .executable(name: "plimsolld", targets: ["plimsolld"]),
    .library(name: "_plimsoll", type: .dynamic, targets: ["PlimsollPython"]),
  ],
  targets: [
    // Programs and the extension.
    .executableTarget(
      name: "plimsoll",
      dependencies: ["Configuration", "Scoreboard", "Reporting", "ProcessPolicy", "Platform"],
      swiftSettings: house),
    .executableTarget(
      name: "plimsolld", dependencies: ["Supervision", "Configuration", "Platform"],
      swiftSettings: house),
    room(
      "PlimsollPython",
      ["Gateway", "Server", "Control", "Scoreboard", "Configuration", "Platform", "CPython"]),
    // Assemblies.
    room(
      "Supervision",
      [
        "Server", "Control", "Scoreboard", "Configuration", "ProcessPolicy", "Reporting",
        "Platform",
      ]),
    room("Gateway", ["Server", "Configuration", "HTTP1", "Platform", "Bytes", "CPython"]),
    room(
      "Server",
      [
        "StaticFiles", "AccessLog", "Configuration", "ProcessPolicy", "Frames", "HTTP1", "Control",
        "Scoreboard", "Reporting", "Platform", "Bytes",
      ]),
    room("StaticFiles", ["HTTP1", "Platform", "Bytes"]),
    // Pure rooms.
    room("AccessLog", ["HTTP1", "Bytes"]),
    room("ProcessPolicy"),
    room("Reporting", ["ProcessPolicy", "Bytes"]),
    room("Configuration", ["AccessLog", "ProcessPolicy", "HTTP1", "Bytes"]),
    room("HTTP1", ["Bytes"]),
    room("Frames", ["HTTP1", "Bytes"]),
    room("Bytes"),
    // Edges.
    room("Control", ["Platform", "Bytes"]),
    room("Scoreboard", ["Reporting", "ProcessPolicy", "Platform"]),
    room("Platform", ["CLinux", "Bytes"]),
    .target(name: "CLinux"),
    .systemLibrary(name: "CPython", pkgConfig: "python3", providers: [.apt(["python3-dev"])]),
    // Fuzzing and tests.
    .executableTarget(
      name: "FuzzRequestParser", dependencies: ["HTTP1", "Bytes"], path: "Fuzz/RequestParser",
      swiftSettings: house),
    tests("Bytes", ["Bytes"]),
    tests("HTTP1", ["HTTP1", "Bytes"]),
    tests("Frames", ["Frames", "HTTP1", "Bytes"]),
    tests("Configuration", ["Configuration", "ProcessPolicy"]),
    tests("Reporting", ["Reporting", "ProcessPolicy", "Bytes"]),
    tests("ProcessPolicy", ["ProcessPolicy"]),
    tests("AccessLog", ["AccessLog", "HTTP1", "Bytes"]),
    tests("StaticFiles", ["StaticFiles", "HTTP1", "Platform", "Bytes"]),
    tests("Control", ["Control", "Platform"]),
    tests(
      "Supervision",
      ["Supervision", "Configuration", "ProcessPolicy", "Reporting", "Platform"]),
    tests("Scoreboard", ["Scoreboard", "Reporting", "ProcessPolicy", "Platform"]),
    tests("Platform", ["Platform"]),
    tests("Server", ["Server", "Control", "ProcessPolicy", "HTTP1", "Platform", "Bytes"]),
    tests("HouseRules", []),
  ]
)
