#pragma once
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "countersign/net/byte_stream.hpp"
#include "countersign/net/http_server.hpp"
#include "countersign/net/memory.hpp"
#include "countersign/rt/tasks.hpp"
#include "rt/world.hpp"

namespace countersign::test {

namespace asio = rt::asio;

// Writes all of it; false where the connection is gone.
inline asio::awaitable<bool> write_raw(net::ByteStream& stream, std::string_view bytes) {
    net::error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable_t<>{}, ec);
    while (!bytes.empty()) {
        std::size_t count = co_await stream.async_write_some(asio::buffer(bytes), token);
        if (ec) co_return false;
        bytes.remove_prefix(count);
    }
    co_return true;
}

// Reads to the end of the connection, or until `until` is in what was read.
inline asio::awaitable<std::string> read_raw(net::ByteStream& stream, std::string_view until = {}) {
    std::string all;
    net::error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable_t<>{}, ec);
    char buffer[4096];
    while (!ec && (until.empty() || all.find(until) == std::string::npos)) {
        std::size_t count = co_await stream.async_read_some(asio::buffer(buffer), token);
        all.append(buffer, count);
    }
    co_return all;
}

// Adds a network in memory and an HTTP server on server:80.
struct NetWorld : World {
    std::unique_ptr<net::MemoryNetwork> network = net::make_memory_network(io.get_executor(), time, &time);
    rt::TaskGroup sessions{io.get_executor(), 1000, rt::report_bug};
    std::unique_ptr<net::Listener> listener;

    ~NetWorld() {
        stop();
        run();
    }
    void serve(net::HttpHandler handler, net::HttpServerLimits limits = {},
               net::HttpDoorkeeper doorkeeper = {}) {
        listener = network->listen("server:80");
        spawn(net::serve_http(*listener, {std::move(handler), std::move(doorkeeper)}, sessions, time, time,
                              limits));
    }
    void stop() {
        if (listener) listener->close();
        spawn(end_sessions());
    }
    asio::awaitable<void> end_sessions() {
        co_await sessions.end(time, time.now() + std::chrono::seconds{1});
    }

    net::Url url(std::string_view target = "/") const { return {"http", "server", 80, std::string(target)}; }

    // Sends the bytes on one connection and returns all that comes back until the server closes.
    std::string talk(std::string bytes) {
        std::string answer;
        spawn(talk_to_server(std::move(bytes), answer));
        run();
        return answer;
    }
    asio::awaitable<void> talk_to_server(std::string bytes, std::string& answer) {
        auto stream = co_await network->dial(url(), Deadline{time.now() + std::chrono::seconds{1}});
        if (!stream) co_return;
        co_await write_raw(**stream, bytes);
        answer = co_await read_raw(**stream);
    }
};

}  // namespace countersign::test
