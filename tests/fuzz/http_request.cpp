// The server's reading of requests, from arbitrary bytes under arbitrary splitting.
#include <cstdint>
#include <string>

#include "countersign/base/check.hpp"
#include "net/net_world.hpp"

namespace {

using namespace countersign;

rt::asio::awaitable<void> inspect(net::HttpExchange& exchange) {
    const net::HttpRequest& request = exchange.request();
    // What every handler may rely on.
    COUNTERSIGN_CHECK(request.target.starts_with('/'));
    COUNTERSIGN_CHECK(request.fields.count("Host") <= 1);
    COUNTERSIGN_CHECK(request.body.size() <= 4096);
    for (const auto& [name, value] : request.fields) {
        COUNTERSIGN_CHECK(!name.empty());
        COUNTERSIGN_CHECK(value.find_first_of(std::string_view{"\r\n\0", 3}) == std::string::npos);
    }
    net::HttpResponse response;
    response.body = request.body;
    co_await exchange.respond(std::move(response));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    test::NetWorld world;
    world.network->set_conditions({.seed = data[0], .split = data[0] % 2 == 1});
    world.serve(inspect, {.header_bytes_max = 2048, .body_bytes_max = 4096});
    std::string answer = world.talk(std::string(reinterpret_cast<const char*>(data + 1), size - 1));
    COUNTERSIGN_CHECK(answer.empty() || answer.starts_with("HTTP/1.1 "));
    return 0;
}
