#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "standin/http_text.hpp"
#include "standin/loop.hpp"

// This program is many clients that wait: crowd PORT PATH TOKEN COUNT SECONDS. It connects COUNT times, asks
// for PATH on each connection, says `{"held":…}` when all have been sent, and when all are answered, or
// SECONDS later, says when the first and the last answer came, in nanoseconds of the monotonic clock. The
// connections stay open until then, and until stdin ends.
namespace bench {
namespace {

constexpr Nanos connect_pause = 50 * millisecond;
constexpr std::size_t connect_together = 500;  // well below a listener's backlog

struct Crowd final : ConnectionOwner {
    void received(Connection& connection, Nanos at) override {
        HttpMessage answer;
        auto parsed = parse_message(connection.input(), scratch, answer);
        if (parsed == Parsed::partial) return;
        if (parsed == Parsed::whole && answer.status() == 200) ++good;
        connection.consume(answer.bytes);
        if (answered++ == 0) first = at;
        last = at;
    }
    void closed(Connection&) override { ++lost; }

    std::string scratch;
    std::size_t answered = 0;
    std::size_t good = 0;
    std::size_t lost = 0;
    Nanos first = 0;
    Nanos last = 0;
};

void say(const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void run(std::uint16_t port, const std::string& path, const std::string& token, std::size_t count,
         Nanos most) {
    Crowd crowd;  // declared before the loop, which tells it of what it closes
    Loop loop;
    bool ended = false;
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    loop.watch(STDIN_FILENO, [&] {
        std::array<char, 64> piece{};
        ended = read(STDIN_FILENO, piece.data(), piece.size()) == 0;
    });
    std::string ask =
        fmt::format("GET {} HTTP/1.1\r\nHost: crowd\r\nAuthorization: Bearer {}\r\n\r\n", path, token);
    std::vector<Connection*> all;
    while (all.size() < count) {
        for (std::size_t i = 0; i < connect_together && all.size() < count; ++i) {
            all.push_back(&loop.connect(port, crowd));
            all.back()->output() += ask;
        }
        loop.turn(now() + connect_pause);
    }
    say(fmt::format(R"({{"held":{}}})", all.size()));
    auto until = now() + most;
    while (!ended && crowd.answered < count && now() < until) loop.turn(until);
    say(fmt::format(R"({{"answered":{},"good":{},"lost":{},"first_ns":{},"last_ns":{}}})", crowd.answered,
                    crowd.good, crowd.lost, crowd.first, crowd.last));
    while (!ended) loop.turn(now() + second);
    for (auto* connection : all) connection->abandon();
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    if (argc != 6) {
        fmt::print(stderr, "crowd PORT PATH TOKEN COUNT SECONDS\n");
        return 2;
    }
    try {
        bench::raise_descriptor_limit();
        bench::run(static_cast<std::uint16_t>(std::stoi(argv[1])), argv[2], argv[3],
                   static_cast<std::size_t>(std::stoul(argv[4])), std::stol(argv[5]) * bench::second);
        return 0;
    } catch (const std::exception& trouble) {
        fmt::print(stderr, "crowd: {}\n", trouble.what());
        return 1;
    }
}
