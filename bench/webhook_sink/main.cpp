#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>

#include "standin/http_text.hpp"
#include "standin/loop.hpp"

// This program serves endpoints of subscribers, as cheap as they can be: one that takes everything, one that
// answers 500, one that never answers. It says its ports as a line of JSON, and answers each line on stdin
// with what has come so far ("last": with the last delivery to the good one, so that its signature can be
// verified).
namespace bench {
namespace {

class Endpoint : public ConnectionOwner {
  public:
    explicit Endpoint(std::string answer) : answer_(std::move(answer)) {}
    void received(Connection& connection, Nanos at) override {
        while (true) {
            HttpMessage message;
            auto parsed = parse_message(connection.input(), scratch_, message);
            if (parsed == Parsed::partial) return;
            if (parsed == Parsed::broken) return connection.close();
            ++count;
            if (header(message.head, "webhook-signature").starts_with("v1,")) ++signed_count;
            last_at = at;
            last_head = message.head;
            last_body = message.body;
            connection.consume(message.bytes);
            connection.output() += answer_;
        }
    }
    void closed(Connection&) override {}

    std::size_t count = 0;
    std::size_t signed_count = 0;
    Nanos last_at = 0;
    std::string last_head, last_body;

  private:
    std::string answer_;
    std::string scratch_;
};

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (c == '\r') continue;
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out + "\"";
}

class Sink {
  public:
    void run() {
        say(fmt::format(R"({{"good":{},"fails":{},"hangs":{}}})", loop_.listen(0, good_),
                        loop_.listen(0, fails_), loop_.listen(0, hangs_)));
        fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
        loop_.watch(STDIN_FILENO, [this] { read_commands(); });
        while (!ended_) loop_.turn(now() + second);
    }

  private:
    void read_commands() {
        std::array<char, 4096> piece{};
        auto got = read(STDIN_FILENO, piece.data(), piece.size());
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) {
            ended_ = true;
            return;
        }
        unread_.append(piece.data(), static_cast<std::size_t>(got));
        for (std::size_t end = 0; (end = unread_.find('\n')) != std::string::npos;
             unread_.erase(0, end + 1)) {
            if (unread_.starts_with("last"))
                say(fmt::format(R"({{"head":{},"body":{}}})", quoted(good_.last_head),
                                quoted(good_.last_body)));
            else
                say(fmt::format(
                    R"({{"good":{},"signed":{},"fails":{},"hangs":{},"seconds_since_last":{:.6f}}})",
                    good_.count, good_.signed_count, fails_.count, hangs_.count,
                    static_cast<double>(now() - good_.last_at) / static_cast<double>(second)));
        }
    }
    static void say(const std::string& line) {
        fmt::print("{}\n", line);
        std::fflush(stdout);
    }

    Loop loop_;
    Endpoint good_{"HTTP/1.1 204 No Content\r\n\r\n"};
    Endpoint fails_{"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops"};
    Endpoint hangs_{""};
    std::string unread_;
    bool ended_ = false;
};

}  // namespace
}  // namespace bench

int main() {
    try {
        bench::Sink{}.run();
        return 0;
    } catch (const std::exception& trouble) {
        fmt::print(stderr, "webhook_sink: {}\n", trouble.what());
        return 1;
    }
}
