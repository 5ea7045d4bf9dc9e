#include <fmt/format.h>

#include <deque>
#include <exception>
#include <iterator>
#include <string>
#include <unordered_map>
#include <vector>

#include "standin/http_text.hpp"
#include "standin/json_scan.hpp"
#include "standin/loop.hpp"

// This bot decides nothing and stores nothing: it acknowledges every click, updates the card and tells who
// waits. What the stand-in does with it is the most that any bot could reach here. usage: empty_bot
// WORKSPACE_PORT API_PORT
namespace bench {
namespace {

class EmptyBot {
  public:
    EmptyBot(std::uint16_t workspace_port, std::uint16_t api_port) : workspace_port_(workspace_port) {
        for (std::size_t i = 0; i < callers; ++i) idle_.push_back(&loop_.connect(workspace_port_, answers_));
        auto& socket = loop_.connect(workspace_port_, clicks_);
        fmt::format_to(
            std::back_inserter(socket.output()),
            "GET /link/?ticket=0 HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUpgrade: websocket\r\nConnection: "
            "Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
            workspace_port_);
        loop_.listen(api_port, requests_);
    }
    void run() {
        while (!over_) loop_.turn(now() + second);
    }

  private:
    static constexpr std::size_t callers = 32;

    // A bot has these three kinds of connection.
    struct Requests : ConnectionOwner {
        EmptyBot& bot;
        explicit Requests(EmptyBot& b) : bot(b) {}
        void received(Connection& connection, Nanos) override { bot.request(connection); }
        void closed(Connection& connection) override {
            std::erase_if(bot.waiting_clients_,
                          [&](const auto& entry) { return entry.second == &connection; });
        }
    };
    struct Answers : ConnectionOwner {
        EmptyBot& bot;
        explicit Answers(EmptyBot& b) : bot(b) {}
        void received(Connection& connection, Nanos) override { bot.answered(connection); }
        void closed(Connection&) override { bot.over_ = true; }
    };
    struct Clicks : ConnectionOwner {
        EmptyBot& bot;
        explicit Clicks(EmptyBot& b) : bot(b) {}
        void received(Connection& connection, Nanos) override { bot.socket(connection); }
        void closed(Connection&) override { bot.over_ = true; }
    };

    void request(Connection& connection) {
        while (true) {
            HttpMessage message;
            if (parse_message(connection.input(), scratch_, message) != Parsed::whole) return;
            if (message.start_line.starts_with("GET ")) {
                auto target = message.target().substr(0, message.target().find('?'));
                waiting_clients_[std::string{target.substr(target.rfind('/') + 1)}] = &connection;
                connection.consume(message.bytes);
                continue;
            }
            auto number = ++requests_filed_;
            call("chat.postMessage",
                 fmt::format(R"({{"channel":"C0OPS","text":"Approval","blocks":[{{"type":"header","text":)"
                             R"({{"type":"plain_text","text":"Approval: db.export"}}}},{{"type":"actions",)"
                             R"("block_id":"vote","elements":[{{"type":"button","action_id":"approve",)"
                             R"("value":"{}","text":{{"type":"plain_text","text":"Approve"}}}}]}}]}})",
                             number));
            connection.consume(message.bytes);
            connection.output() += "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
        }
    }

    void socket(Connection& connection) {
        if (!connection.websocket) {
            HttpMessage message;
            if (parse_message(connection.input(), scratch_, message) != Parsed::whole) return;
            connection.websocket = true;
            connection.consume(message.bytes);
        }
        while (true) {
            Frame frame;
            auto parsed = parse_frame(connection.input_data(), connection.input().size(), frame);
            if (parsed == Parsed::partial) return;
            if (parsed == Parsed::broken) return connection.close();
            if (frame.opcode == Opcode::ping)
                write_frame(connection.output(), Opcode::pong, frame.payload, true);
            if (frame.opcode == Opcode::text) clicked(connection, frame.payload);
            connection.consume(frame.bytes);
        }
    }

    void clicked(Connection& connection, std::string_view envelope) {
        auto id = member(envelope, "envelope_id");
        if (id.empty()) return;  // this is the hello
        write_frame(connection.output(), Opcode::text, fmt::format(R"({{"envelope_id":{}}})", id), true);
        auto payload = member(envelope, "payload");
        tell_waiter(payload);
        auto container = member(payload, "container");
        call("chat.update",
             fmt::format(R"({{"channel":{},"ts":{},"text":"approved","blocks":[{{"type":"header",)"
                         R"("text":{{"type":"plain_text","text":"Approved: db.export"}}}}]}})",
                         member(container, "channel_id"), member(container, "message_ts")));
    }

    void tell_waiter(std::string_view payload) {
        auto actions = items(member(payload, "actions"));
        if (actions.empty()) return;
        auto found = waiting_clients_.find(std::string{inside_quotes(member(actions.front(), "value"))});
        if (found == waiting_clients_.end()) return;
        found->second->output() += "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"state\":\"approved\"}";
        waiting_clients_.erase(found);
    }

    void call(std::string_view method, const std::string& body) {
        waiting_.push_back(
            fmt::format("POST /api/{} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer xoxb-x\r\n"
                        "Content-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\r\n{}",
                        method, workspace_port_, body.size(), body));
        dispatch();
    }
    void answered(Connection& connection) {
        HttpMessage message;
        if (parse_message(connection.input(), scratch_, message) != Parsed::whole) return;
        connection.consume(message.bytes);
        idle_.push_back(&connection);
        dispatch();
    }
    void dispatch() {
        while (!waiting_.empty() && !idle_.empty()) {
            idle_.back()->output() += waiting_.front();
            idle_.pop_back();
            waiting_.pop_front();
        }
    }

    std::uint16_t workspace_port_;
    Loop loop_;
    Requests requests_{*this};
    Answers answers_{*this};
    Clicks clicks_{*this};
    std::vector<Connection*> idle_;
    std::deque<std::string> waiting_;
    std::string scratch_;
    std::uint64_t requests_filed_ = 0;
    std::unordered_map<std::string, Connection*> waiting_clients_;  // by the request that they wait for
    bool over_ = false;
};

std::uint16_t port_of(const char* text) {
    return static_cast<std::uint16_t>(std::stoul(text));
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
    if (count != 3) {
        fmt::print(stderr, "usage: {} WORKSPACE_PORT API_PORT\n", arguments[0]);
        return 2;
    }
    try {
        bench::EmptyBot{bench::port_of(arguments[1]), bench::port_of(arguments[2])}.run();
        return 0;
    } catch (const std::exception& trouble) {
        fmt::print(stderr, "empty_bot: {}\n", trouble.what());
        return 1;
    }
}
