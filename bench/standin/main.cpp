#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <deque>
#include <exception>
#include <map>

#include "load.hpp"

// This program is a light chat workspace with a load generator, told what to do on stdin: one command per
// line, `verb name=value …`, where `body=` takes the rest of the line. Each is answered by one line of JSON
// on stdout, in order; the first line names the port. It ends with stdin.
namespace bench {
namespace {

constexpr Nanos ping_gap = 10 * second;

struct Command {
    std::string verb;
    std::map<std::string, std::string, std::less<>> values;
    std::string text(std::string_view name) const {
        auto found = values.find(name);
        return found == values.end() ? std::string{} : found->second;
    }
    double number(std::string_view name, double otherwise) const {
        auto value = text(name);
        double out = otherwise;
        std::from_chars(value.data(), value.data() + value.size(), out);
        return out;
    }
    std::size_t whole(std::string_view name, std::size_t otherwise) const {
        return static_cast<std::size_t>(number(name, static_cast<double>(otherwise)));
    }
};

Command parse(std::string_view line) {
    Command command;
    command.verb = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(command.verb.size() + 1, line.size()));
    while (!line.empty()) {
        auto equals = line.find('=');
        if (equals == std::string_view::npos) break;
        auto name = line.substr(0, equals);
        auto end = name == "body" ? std::string_view::npos : line.find(' ', equals);
        auto value = line.substr(equals + 1, end == std::string_view::npos ? end : end - equals - 1);
        command.values.emplace(name, value);
        if (end == std::string_view::npos) break;
        line.remove_prefix(end + 1);
    }
    return command;
}

Api api_of(const Command& command) {
    return {.port = static_cast<std::uint16_t>(command.whole("port", 0)),
            .path = command.text("path"),
            .token = command.text("token")};
}

class Standin {
  public:
    void run() {
        port_ = loop_.listen(0, workspace_);
        say(fmt::format(R"({{"port":{}}})", port_));
        fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
        loop_.watch(STDIN_FILENO, [this] { read_commands(); });
        auto ping_at = now() + ping_gap;
        while (!ended_ || job_ != nullptr) {
            auto at = now();
            if (at >= ping_at) {
                workspace_.ping_all();
                ping_at = at + ping_gap;
            }
            loop_.turn(std::min(advance(at), ping_at));
        }
    }

  private:
    // Advances the job and begins the next one; returns when to look again.
    Nanos advance(Nanos at) {
        while (true) {
            if (job_ != nullptr && !job_->done(at)) return job_->step(at);
            if (job_ != nullptr) {
                say(job_->report());
                job_.reset();
            }
            if (commands_.empty()) return at + second;
            auto command = std::move(commands_.front());
            commands_.pop_front();
            try {
                begin(command);
            } catch (const std::exception& trouble) {
                say(fmt::format(R"({{"error":"{}"}})", trouble.what()));
            }
        }
    }

    void begin(const Command& command) {
        if (command.verb == "sockets") {
            auto limit = static_cast<Nanos>(command.number("seconds", 10) * static_cast<double>(second));
            job_ = await_sockets(workspace_, command.whole("count", 1), now() + limit);
        } else if (command.verb == "file") {
            job_ = file_requests(loop_, workspace_,
                                 {.api = api_of(command),
                                  .count = command.whole("count", 0),
                                  .connections = command.whole("connections", 16),
                                  .body = command.text("body")});
        } else if (command.verb == "click") {
            job_ = click(loop_, workspace_,
                         {.count = command.whole("count", 0),
                          .in_flight = command.whole("in_flight", 0),
                          .per_second = command.number("rate", 100),
                          .waiters = command.whole("waiters", 0) != 0,
                          .api = api_of(command)});
        } else if (command.verb == "forget") {
            workspace_.forget();
            say("{}");
        } else if (command.verb == "state") {
            say(fmt::format(R"({{"sockets":{},"open_cards":{},"posts":{},"calls":{}}})", workspace_.sockets(),
                            workspace_.open_cards(), workspace_.posts(), workspace_.calls()));
        } else {
            say(R"({"error":"unknown command"})");
        }
    }

    void read_commands() {
        std::array<char, 64 * 1024> piece{};
        auto got = read(STDIN_FILENO, piece.data(), piece.size());
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) {
            ended_ = true;
            job_.reset();
            return;
        }
        unread_.append(piece.data(), static_cast<std::size_t>(got));
        for (std::size_t end = 0; (end = unread_.find('\n')) != std::string::npos; unread_.erase(0, end + 1))
            commands_.push_back(parse(std::string_view{unread_}.substr(0, end)));
    }

    static void say(const std::string& line) {
        fmt::print("{}\n", line);
        std::fflush(stdout);
    }

    Loop loop_;
    std::uint16_t port_ = 0;
    Workspace workspace_{port_};
    std::unique_ptr<Job> job_;
    std::deque<Command> commands_;
    std::string unread_;
    bool ended_ = false;
};

}  // namespace
}  // namespace bench

int main() {
    try {
        bench::Standin{}.run();
        return 0;
    } catch (const std::exception& trouble) {
        fmt::print(stderr, "standin: {}\n", trouble.what());
        return 1;
    }
}
