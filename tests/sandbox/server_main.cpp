// Runs the local workspace alone: `sandbox_server [PORT]` (0 lets the kernel choose), for the
// interoperability and browser tests. Prints its address and serves until SIGTERM or SIGINT.
#include <fmt/core.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <cstdio>
#include <string>

#include "countersign/adapters/sandbox.hpp"
#include "countersign/net/http_server.hpp"
#include "countersign/net/network.hpp"
#include "countersign/rt/tasks.hpp"

namespace {

using namespace countersign;

rt::asio::awaitable<void> end_all(rt::TaskGroup& sessions, rt::TaskGroup& tasks, rt::Timers& timers,
                                  const rt::Clock& clock) {
    co_await sessions.end(timers, clock.now() + std::chrono::seconds{2});
    co_await tasks.end(timers, clock.now() + std::chrono::seconds{2});
}

}  // namespace

int main(int argc, char** argv) {
    const std::string port = argc > 1 ? argv[1] : "0";
    rt::asio::io_context io{1};
    auto clock = rt::system_clock();
    auto timers = rt::system_timers(io.get_executor(), *clock);
    auto entropy = rt::system_entropy();
    auto network = net::make_network(io.get_executor(), *clock, *timers);
    auto listener = network->listen("127.0.0.1:" + port);
    if (!listener) {
        fmt::print(stderr, "sandbox_server: {}\n", listener.error().detail);
        return 1;
    }
    sandbox::SandboxSettings settings;
    settings.app_token = Secret{"xapp-1-A0SIM-dev"};
    settings.bot_token = Secret{"xoxb-sim-dev"};
    settings.teams_password = Secret{"sim-teams-dev"};
    settings.base_url = fmt::format("http://127.0.0.1:{}", (*listener)->port());
    settings.dialer = network.get();
    auto workspace = sandbox::make_sandbox(settings, io.get_executor(), *clock, *timers, *entropy);

    rt::TaskGroup sessions{io.get_executor(), 10'000, rt::report_bug};
    rt::TaskGroup tasks{io.get_executor(), 8, rt::report_bug};
    tasks.start_loop("workspace", workspace->run());
    net::HttpServerLimits limits;
    limits.body_bytes_max = sandbox::request_bytes_max;
    tasks.start("listener",
                net::serve_http(**listener, workspace->handler(), sessions, *clock, *timers, limits));
    fmt::print("{}\n", settings.base_url);
    std::fflush(stdout);

    rt::asio::signal_set signals{io, SIGINT, SIGTERM};
    signals.async_wait([&](auto, auto) {
        (*listener)->close();
        rt::asio::co_spawn(io, end_all(sessions, tasks, *timers, *clock),
                           [&](std::exception_ptr) { io.stop(); });
    });
    io.run();
    return 0;
}
