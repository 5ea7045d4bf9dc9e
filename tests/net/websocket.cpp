#include "countersign/net/websocket.hpp"

#include <gtest/gtest.h>

#include "countersign/rt/background.hpp"
#include "net/net_world.hpp"
#include "net/overheard.hpp"
#include "net/raw_frames.hpp"

namespace countersign {
namespace {

using namespace std::chrono_literals;
using test::NetWorld;
using test::Opcode;
namespace asio = rt::asio;

std::string frame(Opcode opcode, std::string_view payload, bool final = true) {
    return test::raw_frame(opcode, payload, std::nullopt, final);
}
std::string masked(Opcode opcode, std::string_view payload) {
    return test::raw_frame(opcode, payload, 0xA1B2C3D4);
}

// Holds all that a client of one WebSocket saw.
struct Heard {
    std::vector<std::string> messages;
    std::vector<bool> text;
    std::optional<Failure> end;
    core::Duration ended_after{0};
    std::uint16_t code = 0;
    std::string reason;
};

asio::awaitable<void> hear(NetWorld& world, net::WebSocket& socket, Heard& heard) {
    for (;;) {
        auto message = co_await socket.read();
        if (message) {
            heard.messages.push_back(message->payload);
            heard.text.push_back(message->text);
            continue;
        }
        heard.end = message.error();
        heard.ended_after = world.elapsed();
        heard.code = socket.close_code();
        heard.reason = socket.close_reason();
        co_return;
    }
}

// Simulates a peer that speaks raw bytes with our client.
struct RawPeer : NetWorld {
    std::string says;             // sent right after the handshake, in the same write
    std::string after_handshake;  // what the client sent until it closed TCP
    core::Duration client_closed_after{0};
    bool closes_tcp = false;  // once all is sent
    bool reads = true;
    std::optional<Result<std::unique_ptr<net::WebSocket>>> socket;
    Heard heard;
    net::WebSocketLimits limits;

    ~RawPeer() {
        if (socket && *socket) (**socket)->shut();
        run();
    }
    net::ByteStream* peer_stream = nullptr;
    bool hears = true;  // whether the client reads

    void peer_says(std::string bytes) { spawn(say(std::move(bytes))); }
    asio::awaitable<void> say(std::string bytes) { co_await test::write_raw(*peer_stream, bytes); }
    asio::awaitable<void> peer() {
        auto stream = co_await listener->accept();
        peer_stream = stream->get();
        std::string request = co_await test::read_raw(**stream, "\r\n\r\n");
        constexpr std::string_view field = "Sec-WebSocket-Key: ";
        std::string key = request.substr(request.find(field) + field.size(), 24);
        co_await test::write_raw(
            **stream,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"
            "Sec-WebSocket-Accept: " +
                test::accept_key(key) + "\r\n\r\n" + says);
        if (!reads) co_await time.sleep_until(time.now() + 60s);
        if (!closes_tcp) after_handshake = co_await test::read_raw(**stream);
        client_closed_after = elapsed();
    }
    asio::awaitable<void> client() {
        auto connected = co_await net::connect_websocket(*network, {url("/link?ticket=1")}, time, time,
                                                         limits, Deadline{time.now() + 5s});
        socket.emplace(std::move(connected));
        if (*socket && hears) co_await hear(*this, ***socket, heard);
    }
    void begin(std::string bytes, std::uint64_t seed = 1) {
        says = std::move(bytes);
        network->set_conditions({.seed = seed, .split = true});
        listener = network->listen("server:80");
        spawn(peer());
        spawn(client());
        settle();
    }
    // Returns the opcodes of what the client sent.
    std::vector<Opcode> sent() const {
        std::vector<Opcode> opcodes;
        for (const test::RawFrame& sent : test::raw_frames_of_client(after_handshake))
            opcodes.push_back(sent.opcode);
        return opcodes;
    }
    std::uint16_t close_code_sent() const {
        auto frames = test::raw_frames_of_client(after_handshake);
        if (frames.empty() || frames[0].opcode != Opcode::close || frames[0].payload.size() < 2) return 0;
        return static_cast<std::uint16_t>(static_cast<unsigned char>(frames[0].payload[0]) << 8 |
                                          static_cast<unsigned char>(frames[0].payload[1]));
    }
};

TEST(WebSocketClient, ReassemblesWhatTheServerFragments) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        RawPeer world;
        std::string large(70'000, 'x');
        world.begin(frame(Opcode::text, "Hel", false) + frame(Opcode::ping, "in between") +
                        frame(Opcode::continuation, "", false) + frame(Opcode::continuation, "lo €") +
                        frame(Opcode::binary, "\xff\x00") + frame(Opcode::text, large) +
                        frame(Opcode::close,
                              "\x03\xe8"
                              "bye"),
                    seed);
        world.run();
        ASSERT_EQ(world.heard.messages.size(), 3U);
        EXPECT_EQ(world.heard.messages[0], "Hello €");
        EXPECT_EQ(world.heard.messages[2], large);
        EXPECT_EQ(world.heard.text, (std::vector<bool>{true, false, true}));
        EXPECT_EQ(world.heard.code, 1000);
        EXPECT_EQ(world.heard.reason, "bye");
        EXPECT_EQ(world.heard.end->trouble, Trouble::unavailable);
        EXPECT_EQ(world.sent(), (std::vector<Opcode>{Opcode::pong, Opcode::close}));
    }
}

TEST(WebSocketClient, AnswersPingsBeforeTheFirstMessage) {
    RawPeer world;
    world.begin(frame(Opcode::ping, "early"));
    ASSERT_TRUE(world.socket && *world.socket);
    (**world.socket)->shut();
    world.run();
    EXPECT_EQ(world.sent(), std::vector<Opcode>{Opcode::pong});
    EXPECT_EQ(world.heard.end->trouble, Trouble::cancelled);
}

TEST(WebSocketClient, PingsAndThenGivesUpASilentPeer) {
    RawPeer world;
    world.begin(frame(Opcode::text, "hello"));
    world.run();
    EXPECT_EQ(world.heard.messages, std::vector<std::string>{"hello"});
    EXPECT_EQ(world.heard.end->trouble, Trouble::unavailable);
    EXPECT_EQ(world.heard.ended_after, 30s);
    EXPECT_EQ(world.client_closed_after, 30s);
    EXPECT_EQ(world.sent(), (std::vector<Opcode>{Opcode::ping, Opcode::ping}));
}

TEST(WebSocketClient, ClosesTcpWithinASecondWhenTheServerDoesNot) {
    RawPeer world;
    world.begin(frame(Opcode::close, "\x03\xe9"));
    EXPECT_TRUE(world.heard.end) << "read must not wait for TCP";
    world.run();
    EXPECT_EQ(world.heard.code, 1001);
    EXPECT_EQ(world.client_closed_after, 1s);
}

TEST(WebSocketClient, ACloseFrameWithoutACodeIs1005) {
    RawPeer world;
    world.begin(frame(Opcode::close, ""));
    world.run();
    EXPECT_EQ(world.heard.code, 1005);
}

TEST(WebSocketClient, TcpEndingWithoutACloseFrameIsUnavailable) {
    RawPeer world;
    world.closes_tcp = true;
    world.begin("");
    world.run();
    ASSERT_TRUE(world.heard.end);
    EXPECT_EQ(world.heard.end->trouble, Trouble::unavailable);
    EXPECT_EQ(world.heard.code, 0);
}

TEST(WebSocketClient, ProtocolViolationsAreClosedWithTheirCode) {
    const std::tuple<std::string, std::uint16_t> table[] = {
        {masked(Opcode::text, "a"), 1002},
        {frame(Opcode::continuation, "a"), 1002},
        {frame(Opcode::text, "a", false) + frame(Opcode::text, "b"), 1002},
        {"\xc1\x01"
         "a",
         1002},
        {"\x83\x01"
         "a",
         1002},
        {frame(Opcode::text, "\xff"), 1007},
        {frame(Opcode::text, "\xe2\x82", false) + frame(Opcode::continuation, "x"), 1007},
        {frame(Opcode::text, std::string(1001, 'x')), 1009},
        {frame(Opcode::text, std::string(600, 'x'), false) +
             frame(Opcode::continuation, std::string(600, 'x')),
         1009},
    };
    for (const auto& [bytes, code] : table) {
        RawPeer world;
        world.limits.message_bytes_max = 1000;
        world.begin(bytes);
        EXPECT_EQ(world.heard.messages.size(), 0U);
        EXPECT_TRUE(world.heard.end);
        world.run();
        EXPECT_EQ(world.close_code_sent(), code);
        EXPECT_LE(world.client_closed_after, 2s);
    }
}

asio::awaitable<void> write_much(RawPeer& world, std::optional<Result<Done>>& written) {
    auto done =
        co_await (**world.socket)->write(std::string(4'000'000, 'x'), Deadline{world.time.now() + 50s});
    written.emplace(std::move(done));
}
asio::awaitable<void> close_soon(RawPeer& world, std::optional<Result<Done>>& closed) {
    auto done = co_await (**world.socket)->close(1000, "bye", Deadline{world.time.now() + 3s});
    closed.emplace(std::move(done));
}

// Beast's operations wait for one another here: the write waits for the peer, the reading side for the write
// (to say what was wrong), the close for both.
TEST(WebSocketClient, ClosingIsBoundedWhateverElseIsStuck) {
    for (bool with_violation : {false, true}) {
        RawPeer world;
        world.reads = false;
        world.begin(frame(Opcode::text, "hello"));
        ASSERT_TRUE(world.socket && *world.socket);
        std::optional<Result<Done>> written, closed;
        world.spawn(write_much(world, written));
        world.settle();
        EXPECT_FALSE(written);
        if (with_violation) world.peer_says("\x83\x01z");
        world.settle();
        world.spawn(close_soon(world, closed));
        world.run_until(world.start + 4s);
        ASSERT_TRUE(closed && written && world.heard.end);
        EXPECT_FALSE(*written);
        EXPECT_FALSE(*closed);
    }
}

asio::awaitable<void> read_one(net::WebSocket& socket, std::optional<Result<net::WebSocketFrame>>& read) {
    auto frame = co_await socket.read();
    read.emplace(std::move(frame));
}

TEST(WebSocketClient, AReadThatIsCancelledLosesNothing) {
    RawPeer world;
    world.hears = false;
    world.begin(frame(Opcode::text, "Hel", false));
    ASSERT_TRUE(world.socket && *world.socket);
    std::optional<Result<net::WebSocketFrame>> first, second;
    rt::Background reader{world.io.get_executor(), "reader", read_one(***world.socket, first)};
    world.settle();
    reader.cancel();
    world.settle();
    world.peer_says(frame(Opcode::continuation, "lo"));
    world.settle();
    world.spawn(read_one(***world.socket, second));
    world.settle();
    ASSERT_TRUE(second && *second);
    EXPECT_EQ((*second)->payload, "Hello");
    if (first) EXPECT_EQ(first->error().trouble, Trouble::cancelled);
}

asio::awaitable<void> bad_handshake(NetWorld& world, std::string answer) {
    auto stream = co_await world.listener->accept();
    co_await test::read_raw(**stream, "\r\n\r\n");
    co_await test::write_raw(**stream, answer);
    co_await test::read_raw(**stream);
}
asio::awaitable<void> connect_only(NetWorld& world, std::optional<Failure>& failure) {
    auto connected = co_await net::connect_websocket(*world.network, {world.url()}, world.time, world.time,
                                                     {}, Deadline{world.time.now() + 5s});
    if (!connected) failure = connected.error();
}

TEST(WebSocketClient, AnotherAnswerThanTheHandshakesIsUnavailable) {
    const std::pair<std::string, std::string> table[] = {
        {"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n", "status_409"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "status_200"},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
         "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
         "bad_response"},
        {"garbage\r\n\r\n", "bad_response"},
    };
    for (const auto& [answer, code] : table) {
        NetWorld world;
        std::optional<Failure> failure;
        world.listener = world.network->listen("server:80");
        world.spawn(bad_handshake(world, answer));
        world.spawn(connect_only(world, failure));
        world.run();
        ASSERT_TRUE(failure);
        EXPECT_EQ(failure->trouble, Trouble::unavailable);
        EXPECT_EQ(failure->code, code);
    }
}

TEST(WebSocketClient, AHandshakeThatTakesTooLongTimesOut) {
    NetWorld world;
    std::optional<Failure> failure;
    world.listener = world.network->listen("server:80");
    world.spawn(bad_handshake(world, "HTTP/1.1 1"));
    world.spawn(connect_only(world, failure));
    world.run();
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->trouble, Trouble::timed_out);
    EXPECT_EQ(world.elapsed(), 5s);
}

// ---- our client against our server

struct ServedSockets {
    std::vector<std::string> received;
    std::optional<Failure> end;
    std::uint16_t code = 0;
    test::Overheard overheard;
};

asio::awaitable<void> echo_socket(net::HttpExchange& exchange, NetWorld& world, ServedSockets& served) {
    auto socket = co_await exchange.upgrade({.message_bytes_max = 1'000'000, .silence_max = {}},
                                            test::overhear(served.overheard));
    if (!socket) co_return;
    for (;;) {
        auto message = co_await (*socket)->read();
        if (!message) {
            served.end = message.error();
            served.code = (*socket)->close_code();
            co_return;
        }
        served.received.push_back(message->payload);
        auto sent = co_await (*socket)->write("echo " + message->payload, Deadline{world.time.now() + 5s});
        if (!sent) co_return;
    }
}

struct TwoEnds : NetWorld {
    ServedSockets served;
    std::unique_ptr<net::WebSocket> socket;
    Heard heard;

    explicit TwoEnds(std::uint64_t seed = 1, net::WebSocketLimits limits = {}) {
        network->set_conditions({.seed = seed, .split = true});
        serve([this](net::HttpExchange& exchange) { return echo_socket(exchange, *this, served); });
        spawn(connect(limits));
        settle();
    }
    ~TwoEnds() {
        if (socket) socket->shut();  // whoever still reads it gets that failure first
        stop();
        run();
    }
    asio::awaitable<void> connect(net::WebSocketLimits limits) {
        auto connected =
            co_await net::connect_websocket(*network, {url()}, time, time, limits, Deadline{time.now() + 5s});
        if (connected) socket = std::move(*connected);
    }
    asio::awaitable<void> say(std::string text, int& sent) {
        auto ok = co_await socket->write(std::move(text), Deadline{time.now() + 5s});
        if (ok) ++sent;
    }
    asio::awaitable<void> close(std::optional<Result<Done>>& closed) {
        auto done = co_await socket->close(1000, "done", Deadline{time.now() + 5s});
        closed.emplace(std::move(done));
    }
};

TEST(WebSocket, ConcurrentWritesLeaveInOrderAndUnfragmented) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        TwoEnds world{seed};
        ASSERT_TRUE(world.socket);
        world.spawn(hear(world, *world.socket, world.heard));
        int sent = 0;
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < 50; ++i) texts.push_back(std::to_string(i) + std::string(i * i * 7, 'x'));
        for (const std::string& text : texts) world.spawn(world.say(text, sent));
        world.settle();
        EXPECT_EQ(sent, 50);
        EXPECT_EQ(world.served.received, texts);
        ASSERT_EQ(world.heard.messages.size(), 50U);
        EXPECT_EQ(world.heard.messages[49], "echo " + texts[49]);
        const auto frames = test::raw_frames_of_client(world.served.overheard.bytes);
        ASSERT_EQ(frames.size(), 50U);
        for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(frames[i].payload, texts[i]);
    }
}

TEST(WebSocket, ClosesWithAHandshake) {
    for (bool with_reader : {false, true}) {
        TwoEnds world;
        ASSERT_TRUE(world.socket);
        if (with_reader) world.spawn(hear(world, *world.socket, world.heard));
        std::optional<Result<Done>> closed;
        world.spawn(world.close(closed));
        world.settle();
        ASSERT_TRUE(closed && *closed);
        EXPECT_EQ(world.served.code, 1000);
        EXPECT_EQ(world.heard.end.has_value(), with_reader);
        EXPECT_EQ(world.sessions.size(), 0U);
    }
}

TEST(WebSocket, ADeafPeerIsNoticedByItsSilence) {
    TwoEnds world;
    ASSERT_TRUE(world.socket);
    world.spawn(hear(world, *world.socket, world.heard));
    world.run_until(world.start + 60s);
    EXPECT_FALSE(world.heard.end) << "the peer answers pings";
    world.served.overheard.deaf = true;
    world.run_until(world.start + 100s);
    ASSERT_TRUE(world.heard.end);
    EXPECT_EQ(world.heard.end->trouble, Trouble::unavailable);
    EXPECT_LE(world.heard.ended_after, 91s);
}

TEST(WebSocket, LivesOnWhileNobodyReads) {
    TwoEnds world;
    ASSERT_TRUE(world.socket);
    world.run_until(world.start + 5min);
    int sent = 0;
    world.spawn(world.say("still there", sent));
    world.settle();
    EXPECT_EQ(sent, 1);
    EXPECT_EQ(world.served.received.size(), 1U);
    EXPECT_GE(world.socket->last_heard(), world.start + 4min);
}

TEST(WebSocket, AMessageOverTheServersLimitIsClosedWith1009) {
    TwoEnds world;
    ASSERT_TRUE(world.socket);
    world.spawn(hear(world, *world.socket, world.heard));
    int sent = 0;
    world.spawn(world.say(std::string(1'000'001, 'x'), sent));
    world.run_until(world.start + 3s);
    ASSERT_TRUE(world.heard.end);
    EXPECT_EQ(world.heard.code, 1009);
}

TEST(WebSocket, APlainRequestIsToldToUpgrade) {
    TwoEnds world;
    std::string answer;  // `talk` would wait for the end of all pings
    world.spawn(world.talk_to_server("GET / HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n", answer));
    world.settle();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 426")) << answer;
    EXPECT_NE(answer.find("Sec-WebSocket-Version: 13"), std::string::npos);
}

TEST(WebSocket, FramesSentWithTheHandshakeAreNotLost) {
    TwoEnds world;
    std::string answer;
    world.spawn(world.talk_to_server(
        "GET / HTTP/1.1\r\nHost: server\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
            masked(Opcode::text, "early") + masked(Opcode::close, "\x03\xe8"),
        answer));
    world.settle();
    EXPECT_EQ(world.served.received, std::vector<std::string>{"early"});
    EXPECT_NE(answer.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), std::string::npos);
    EXPECT_NE(answer.find("echo early"), std::string::npos);
}

}  // namespace
}  // namespace countersign
