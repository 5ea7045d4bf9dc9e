// Measures appends per second on a PostgreSQL of its own, with so many commands in flight on distinct cases,
// and what one costs this process: pg_append [cases] [in flight] [pool threads] [batches]. Its working folder
// is removed.
#include <fmt/core.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "core/world.hpp"
#include "countersign/adapters/pg.hpp"
#include "countersign/app/plan.hpp"
#include "countersign/base/log.hpp"

using namespace countersign;
using core::testing::slack;

namespace {

double cpu_seconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// Adds up the processor time of the server's processes that live now.
double server_cpu_seconds(int postmaster) {
    double ticks = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream in(entry.path() / "stat");
        std::string line;
        std::size_t end = 0;
        if (!std::getline(in, line) || (end = line.rfind(')')) == std::string::npos) continue;
        std::istringstream rest(line.substr(end + 2));
        std::vector<std::string> words{std::istream_iterator<std::string>(rest), {}};
        if (words.size() > 12 && std::stoi(words[1]) == postmaster)
            ticks += std::stod(words[11]) + std::stod(words[12]);
    }
    return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

struct Load {
    pg::Database& database;
    const rt::Clock& clock;
    rt::Entropy& entropy;
    std::shared_ptr<const core::Directory> directory;  // shared with the database's threads
    app::Lease lease;
    std::size_t cases;
    std::vector<core::RequestId> opened;
    std::vector<double> latencies_ms;
    std::size_t next = 0;
    std::size_t failed = 0;
    std::size_t running = 0;

    Deadline deadline() const { return {clock.now() + std::chrono::seconds{10}}; }
};

rt::asio::awaitable<void> open_some(Load& load) {
    while (load.opened.size() + load.running < load.cases) {
        ++load.running;
        core::Instant now = load.clock.now();
        core::Request request = core::testing::request_of();
        request.id = core::RequestId::mint(now, rt::chance(load.entropy));
        request.created_at = now;
        request.expires_at = now + std::chrono::hours{1};
        request.parameters = core::Value::object({{"rows", 120000}, {"destination", "s3://exports/x"}});
        request.digest = core::digest_of(request);
        core::Applied applied =
            core::testing::requires_of({core::testing::asks({{2, "security"}, {1, "dba"}})});
        auto opening = app::plan_opening(request, applied, *load.directory, now);
        app::NewCase fresh{.request = request,
                           .applied = applied,
                           .opened = std::move(opening.opened),
                           .ruling = std::move(opening.ruling),
                           .cards = {{core::Surface::slack, "#approvals"}},
                           .idempotency = {},
                           .lease = load.lease};
        auto opened = co_await load.database.cases().open(std::move(fresh), load.deadline());
        --load.running;
        if (opened)
            load.opened.push_back(request.id);
        else if (load.failed++ == 0)
            fmt::print("open: {}\n", opened.error().detail);
        if (load.failed > 100) co_return;
    }
}

rt::asio::awaitable<void> vote_some(Load& load) {
    while (load.next < load.opened.size()) {
        core::RequestId id = load.opened[load.next++];
        for (const char* user : {"U0AMY", "U0CAT", "U0BEN"}) {
            core::Instant began = load.clock.now();
            app::Append vote{
                .request = id,
                .command =
                    core::Cast{slack(user), core::Verdict::approve, "looks right", core::Surface::slack, {}},
                .directory = load.directory,
                .age_max = std::chrono::hours{5},
                .origin = app::Origin{std::string("slack:") + user + ":C0APPROVALS:approve:" +
                                      std::to_string(began.time_since_epoch().count())},
                .lease = load.lease};
            auto done = co_await load.database.cases().append(std::move(vote), load.deadline());
            load.latencies_ms.push_back(static_cast<double>((load.clock.now() - began).count()) / 1e3);
            bool accepted = done && !done->refusal && !done->repeat;
            if (!accepted && load.failed++ == 0) {
                fmt::print("append: {}\n",
                           done ? done->refusal ? done->refusal->sentence : "repeat" : done.error().detail);
            }
        }
    }
}

void run_all(rt::asio::io_context& io, std::size_t in_flight, rt::asio::awaitable<void> (*task)(Load&),
             Load& load) {
    for (std::size_t i = 0; i < in_flight; ++i) rt::asio::co_spawn(io, task(load), rt::asio::detached);
    io.restart();
    io.run();
}

int bench(const std::string& folder, std::size_t cases, std::size_t in_flight, std::size_t threads,
          std::size_t batches) {
    auto server = pg::EmbeddedServer::start(folder);
    if (!server) {
        fmt::print(stderr, "{}\n", server.error().detail);
        return 1;
    }
    auto migrated = pg::migrate((*server)->uri());
    if (!migrated) {
        fmt::print(stderr, "{}\n", migrated.error().detail);
        return 1;
    }
    rt::asio::io_context io{1};
    auto clock = rt::system_clock();
    auto entropy = rt::system_entropy();
    auto database = pg::open_database({.uri = (*server)->uri(),
                                       .server_keys = {Secret{std::string(32, 'k')}},
                                       .pool = threads,
                                       .append_batches = batches},
                                      io.get_executor(), *clock, *entropy);
    core::testing::World world;
    world = core::testing::World{};
    world.read_at = clock->now();
    for (const char* id : {"U0RILEY", "U0AMY", "U0BEN", "U0CAT"}) world.user(id, core::AccountClass::member);
    world.usergroup("S0SEC", {"U0AMY", "U0BEN"});
    Load load{.database = *database,
              .clock = *clock,
              .entropy = *entropy,
              .directory = std::make_shared<const core::Directory>(world.directory()),
              .lease = {core::ProcessId::mint(clock->now(), rt::chance(*entropy)),
                        clock->now() + std::chrono::hours{1}},
              .cases = cases,
              .opened = {},
              .latencies_ms = {}};
    for (const char* what : {"open", "append"}) {
        bool appends = std::string_view(what) == "append";
        double cpu = cpu_seconds();
        double server_cpu = server_cpu_seconds((*server)->process());
        auto began = std::chrono::steady_clock::now();
        run_all(io, in_flight, appends ? vote_some : open_some, load);
        double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        double count = static_cast<double>(appends ? load.latencies_ms.size() : load.opened.size());
        fmt::print(
            "{:7} {:8.0f} in {:6.2f} s = {:7.0f}/s, {:5.1f} us of client CPU and {:5.1f} of the server each, "
            "{} failed\n",
            what, count, wall, count / wall, (cpu_seconds() - cpu) / count * 1e6,
            (server_cpu_seconds((*server)->process()) - server_cpu) / count * 1e6, load.failed);
    }
    std::ranges::sort(load.latencies_ms);
    auto at = [&](double share) {
        return load.latencies_ms[static_cast<std::size_t>(share *
                                                          static_cast<double>(load.latencies_ms.size() - 1))];
    };
    fmt::print("append latency ms: p50 {:.2f}  p99 {:.2f}  max {:.2f}\n", at(0.5), at(0.99), at(1));
    return load.failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    auto number = [&](int index, std::size_t otherwise) {
        return argc > index ? static_cast<std::size_t>(std::stoul(argv[index])) : otherwise;
    };
    std::string folder = (std::filesystem::temp_directory_path() / "countersign-bench-XXXXXX").string();
    if (!mkdtemp(folder.data())) return 1;
    int code = bench(folder, number(1, 20'000), number(2, 32), number(3, 8), number(4, 2));
    std::filesystem::remove_all(folder);
    return code;
}
