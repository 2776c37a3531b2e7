// Channels carry messages and descriptors, never block, and see the other side go.
import Control
import Platform
import Testing

@Suite struct ControlChannelTests {
  @Test func carriesMessagesInOrder() throws {
    let numbers = try MessageSocket.makePair()
    let near = ControlChannel(owning: numbers.0)
    let far = ControlChannel(owning: numbers.1)
    let got1 = far.receive()
    #expect(got1 == .wouldBlock)
    let got2 = near.send(.fork(slot: 1))
    #expect(got2)
    let got3 = near.send(.stop)
    #expect(got3)
    let got4 = far.receive()
    #expect(got4 == .message(.fork(slot: 1), descriptors: []))
    let got5 = far.receive()
    #expect(got5 == .message(.stop, descriptors: []))
    let got6 = far.receive()
    #expect(got6 == .wouldBlock)
  }

  @Test func carriesDescriptors() throws {
    let numbers = try MessageSocket.makePair()
    let near = ControlChannel(owning: numbers.0)
    let far = ControlChannel(owning: numbers.1)
    let carried = try MessageSocket.makePair()
    let kept = ControlChannel(owning: carried.0)
    let got7 = near.send(.fork(slot: 0), descriptors: [carried.1])
    #expect(got7)
    _ = FileDescriptor(owning: carried.1)
    guard case .message(_, let descriptors) = far.receive(), descriptors.count == 1 else {
      Issue.record("no descriptor came")
      return
    }
    let arrived = ControlChannel(owning: descriptors[0])
    let got8 = arrived.send(.ready)
    #expect(got8)
    let got9 = kept.receive()
    #expect(got9 == .message(.ready, descriptors: []))
  }

  @Test func seesTheOtherSideGo() throws {
    let numbers = try MessageSocket.makePair()
    let near = ControlChannel(owning: numbers.0)
    _ = FileDescriptor(owning: numbers.1)
    let got10 = near.receive()
    #expect(got10 == .endOfFile)
    let got11 = near.send(.ready)
    #expect(!got11)
  }

  @Test func whatIsLeftIsReadBeforeTheEnd() throws {
    let numbers = try MessageSocket.makePair()
    let near = ControlChannel(owning: numbers.0)
    let far = ControlChannel(owning: numbers.1)
    far.send(.failed(code: 3, message: "no"))
    _ = consume far
    let got12 = near.receive()
    #expect(got12 == .message(.failed(code: 3, message: "no"), descriptors: []))
    let got13 = near.receive()
    #expect(got13 == .endOfFile)
  }

  @Test func passesOverWhatAnotherReleaseSays() throws {
    let numbers = try MessageSocket.makePair()
    let near = ControlChannel(owning: numbers.0)
    let far = FileDescriptor(owning: numbers.1)
    #expect(try MessageSocket.send([250, 1, 2], descriptors: [1], over: far.number))
    #expect(
      try MessageSocket.send(ControlMessage.ready.encode(), descriptors: [], over: far.number))
    guard case .message(.ready, let descriptors) = near.receive(ofAnyRelease: true) else {
      Issue.record("not the message behind it")
      return
    }
    #expect(descriptors.isEmpty)
    guard case .wouldBlock = near.receive(ofAnyRelease: true) else {
      Issue.record("something is left")
      return
    }
  }

  @Test func endsWhereTheOtherSideSpeaksSomethingElse() throws {
    let numbers = try MessageSocket.makePair()
    let near = ControlChannel(owning: numbers.0)
    let far = FileDescriptor(owning: numbers.1)
    _ = try MessageSocket.send([250, 1, 2], descriptors: [], over: far.number)
    let got14 = near.receive()
    #expect(got14 == .endOfFile)
  }

  @Test func neverBlocksOnAFullQueue() throws {
    let numbers = try MessageSocket.makePair()
    let near = ControlChannel(owning: numbers.0)
    let far = ControlChannel(owning: numbers.1)
    var sent = 0
    while sent < 100_000, near.send(.ready) { sent += 1 }
    #expect(sent < 100_000)
    let got15 = far.receive()
    #expect(got15 == .message(.ready, descriptors: []))
  }
}
