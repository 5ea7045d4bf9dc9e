// Both sides' reading of WebSocket frames, from arbitrary bytes under arbitrary splitting.
#include <cstdint>
#include <string>

#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/websocket.hpp"
#include "net/net_world.hpp"
#include "net/raw_frames.hpp"

namespace {

using namespace countersign;

constexpr std::size_t message_bytes_max = 4096;

rt::asio::awaitable<void> read_all(net::WebSocket& socket) {
    for (;;) {
        auto message = co_await socket.read();
        if (!message) co_return;
        COUNTERSIGN_CHECK(message->payload.size() <= message_bytes_max);
        COUNTERSIGN_CHECK(!message->text || valid_utf8(message->payload));
    }
}

// What the peer's bytes are to be survived in: plain reading, or also closing in the middle of it.
struct Scene : test::NetWorld {
    bool closes = false;
    std::string bytes;

    rt::asio::awaitable<void> use(net::WebSocket& socket) {
        if (closes) {
            co_await socket.write("so long", Deadline{time.now() + std::chrono::seconds{1}});
            co_await socket.close(1000, "bye", Deadline{time.now() + std::chrono::seconds{1}});
        }
        co_await read_all(socket);
    }
    rt::asio::awaitable<void> serve_socket(net::HttpExchange& exchange) {
        auto socket = co_await exchange.upgrade({.message_bytes_max = message_bytes_max, .silence_max = {}});
        if (socket) co_await use(**socket);
    }
    rt::asio::awaitable<void> client() {
        net::WebSocketLimits limits;
        limits.message_bytes_max = message_bytes_max;
        auto socket = co_await net::connect_websocket(*network, {url()}, time, time, limits,
                                                      Deadline{time.now() + std::chrono::seconds{5}});
        if (socket) co_await use(**socket);
    }
    rt::asio::awaitable<void> raw_client() {
        auto stream = co_await network->dial(url(), Deadline{time.now() + std::chrono::seconds{1}});
        co_await test::write_raw(
            **stream,
            "GET / HTTP/1.1\r\nHost: server\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
                bytes);
        // The server has no reason of its own to end a connection that says nothing.
        co_await time.sleep_until(time.now() + std::chrono::seconds{5});
    }
    rt::asio::awaitable<void> raw_server() {
        auto stream = co_await listener->accept();
        std::string request = co_await test::read_raw(**stream, "\r\n\r\n");
        constexpr std::string_view field = "Sec-WebSocket-Key: ";
        std::string answer =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
            "Sec-WebSocket-Accept: ";
        answer += test::accept_key(request.substr(request.find(field) + field.size(), 24)) + "\r\n\r\n";
        co_await test::write_raw(**stream, answer + bytes);
        co_await test::read_raw(**stream);
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    Scene world;
    world.network->set_conditions({.seed = data[0], .split = data[0] % 2 == 1});
    world.closes = data[0] % 8 >= 4;
    world.bytes.assign(reinterpret_cast<const char*>(data + 1), size - 1);
    if (data[0] % 4 >= 2) {
        world.listener = world.network->listen("server:80");
        world.spawn(world.raw_server());
        world.spawn(world.client());
    } else {
        world.serve([&](net::HttpExchange& exchange) { return world.serve_socket(exchange); });
        world.spawn(world.raw_client());
    }
    world.run();
    return 0;
}
