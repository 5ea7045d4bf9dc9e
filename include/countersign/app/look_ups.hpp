#pragma once
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "countersign/app/runtime.hpp"
#include "countersign/rt/signal.hpp"
#include "countersign/rt/tasks.hpp"

namespace countersign::app {

// Looks facts up in a chat, each by its key and once at a time, however many wait for it. Belongs to the I/O
// thread.
class LookUps {
  public:
    static constexpr std::size_t under_way_max = 64;
    static constexpr int rounds_max = 3;  // of one look-up that is doubted again and again

    struct Way {
        std::string area;  // of the log: "slack"
        std::string chat;  // as people call it: "Slack"
        // Asks the chat, and keeps what it says.
        std::function<Later<Done>(std::string key)> fetch;
        // Makes what was just kept count as old: it may be from before a change.
        std::function<void(const std::string& key)> doubt;
        std::function<void()> failed;
    };
    LookUps(const Runtime& runtime, Way way, rt::asio::any_io_executor executor);

    // Begins a look-up; one that is under way serves as well. False: too many are.
    bool start(const std::string& key) { return look_up(key) != nullptr; }
    // Looks all of these up and waits for them. overloaded: too many; unavailable: not within the deadline.
    Later<Done> finish(std::vector<std::string> keys, Deadline deadline);
    bool under_way(const std::string& key) const { return flights_.contains(key); }
    std::size_t size() const { return flights_.size(); }
    // What a look-up under way brings may be from before a change, so that it is done once more.
    void again(const std::string& key);
    void all_again();
    rt::asio::awaitable<void> end(core::Instant deadline);

  private:
    // This is a look-up under way, shared by its task and by all who wait for it.
    struct Flight {
        explicit Flight(rt::asio::any_io_executor executor) : landed(std::move(executor)) {}
        rt::Signal landed;
        bool over = false;
        bool again = false;
        std::optional<Failure> failure;
    };
    using FlightPtr = std::shared_ptr<Flight>;

    FlightPtr look_up(const std::string& key);
    rt::asio::awaitable<void> fly(std::string key, FlightPtr flight);

    const Runtime& runtime_;
    const Way way_;
    const std::string task_name_;
    rt::asio::any_io_executor executor_;
    rt::TaskGroup tasks_;
    std::map<std::string, FlightPtr> flights_;
};

}  // namespace countersign::app
