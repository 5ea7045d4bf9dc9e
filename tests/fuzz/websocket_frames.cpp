// Both sides' reading of WebSocket frames, from arbitrary bytes under arbitrary splitting.
#include <cstdint>
#include <string>

#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"
#include "net/net_world.hpp"
#include "net/websocket.hpp"

namespace {

using namespace countersign;

rt::asio::awaitable<void> read_all(net::WebSocket& socket) {
    for (;;) {
        auto message = co_await socket.read();
        if (!message) co_return;
        COUNTERSIGN_CHECK(message->payload.size() <= 4096);
        COUNTERSIGN_CHECK(!message->text || valid_utf8(message->payload));
    }
}
rt::asio::awaitable<void> write_then_read(net::ByteStream& stream, std::string bytes) {
    co_await test::write_raw(stream, bytes);
    co_await test::read_raw(stream);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    test::World world;
    auto [near, far] =
        net::memory_pair(world.io.get_executor(), world.time, {.seed = data[0], .split = data[0] % 2 == 1});
    net::UpgradedConnection connection{std::move(near), nullptr};
    connection.reader = std::make_unique<net::BufferedReader>(*connection.stream);
    net::WebSocketLimits limits;
    limits.message_bytes_max = 4096;
    auto socket =
        net::make_websocket(std::move(connection), data[0] % 4 >= 2, world.time, world.time, limits, nullptr);
    world.spawn(read_all(*socket));
    world.spawn(write_then_read(*far, std::string(reinterpret_cast<const char*>(data + 1), size - 1)));
    world.run();
    return 0;
}
