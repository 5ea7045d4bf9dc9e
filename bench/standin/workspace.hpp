#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "http_text.hpp"
#include "loop.hpp"

// This chat workspace costs next to nothing: it is Slack's Web API and Socket Mode as a bot meets them,
// without limits, refusals or people. It keeps what bots post, sends clicks on it, and tells what comes back
// when.
namespace bench {

class ClickObserver {
  public:
    virtual ~ClickObserver() = default;
    virtual void acknowledged(std::uint64_t click, Nanos at) = 0;
    // `closed` says that the card has no buttons any more.
    virtual void card_updated(std::uint64_t click, bool closed, Nanos at) = 0;
};

struct Message {
    std::string channel;
    std::string text;  // raw JSON values, which are echoed
    std::string blocks;
    std::string metadata;
    std::string action_id;  // of its Approve button; empty where the message is no card
    std::string block_id;
    std::string value;
    std::uint64_t click = 0;  // the click that it waits for
};

class Workspace : public ConnectionOwner {
  public:
    explicit Workspace(std::uint16_t& port) : port_(port) {}

    void received(Connection& connection, Nanos at) override;
    void closed(Connection& connection) override;

    std::size_t sockets() const { return sockets_.size(); }
    std::size_t open_cards() const { return open_.size(); }
    std::uint64_t posts() const { return posts_; }
    std::uint64_t calls() const { return calls_; }
    // Takes the oldest card that nobody clicked yet. There must be one.
    std::size_t take_card();
    const Message& message(std::size_t index) const { return messages_[index]; }
    // Sends one click on a card down the next socket.
    void click(std::size_t card, std::uint64_t click, std::size_t clicker);
    void observe(ClickObserver* observer) { observer_ = observer; }
    void ping_all();
    void forget();  // forgets all messages

  private:
    void http(Connection& connection, const HttpMessage& message, Nanos at);
    void frames(Connection& connection, Nanos at);
    void upgrade(Connection& connection, const HttpMessage& message);
    std::string answer(std::string_view method, const HttpMessage& message, Nanos at);
    std::string post(const HttpMessage& message);
    std::string update(const HttpMessage& message, Nanos at);
    std::string payload(std::size_t card, std::uint64_t click, std::size_t clicker);

    std::uint16_t& port_;
    std::string scratch_;
    std::vector<Message> messages_;
    std::uint64_t first_ts_ = 0;  // the number in the ts of messages_[0]
    std::deque<std::size_t> open_;
    std::vector<Connection*> sockets_;
    std::size_t next_socket_ = 0;
    std::uint64_t tickets_ = 0;
    std::uint64_t posts_ = 0;
    std::uint64_t calls_ = 0;
    ClickObserver* observer_ = nullptr;
};

}  // namespace bench
