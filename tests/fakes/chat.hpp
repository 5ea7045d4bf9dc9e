#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "countersign/app/ports.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::test {

// A chat in memory that can be late, refuse, and lose answers.
class FakeChat final : public app::Chat {
  public:
    enum class Act : std::uint8_t { post, refresh, say, find };
    enum class Fault : std::uint8_t {
        none,
        unavailable,  // nothing happened, and the caller is told so
        lost_answer,  // it happened, the caller cannot know
        lost_call,    // it did not happen, the caller cannot know
        overloaded,   // until `busy_for` from now
        refused,      // for good
    };
    struct Message {
        core::RequestId request;
        std::string channel;
        std::int32_t version = 0;
        core::State state = core::State::pending;
        std::size_t edits = 0;
        std::vector<std::string> lines;
    };

    FakeChat(const rt::Clock& clock, rt::Timers& timers) : clock_(clock), timers_(timers) {}

    Later<app::MessageRef> post(const core::CardView& card, const std::string& channel,
                                Deadline deadline) override;
    Later<Done> refresh(const app::MessageRef& message, const core::CardView& card,
                        Deadline deadline) override;
    Later<Done> say(const app::MessageRef& card, const core::ThreadLine& line, Deadline deadline) override;
    Later<std::optional<app::MessageRef>> find_posted(core::RequestId request, const std::string& channel,
                                                      core::Instant since, Deadline deadline) override;

    void remove(const std::string& message) { messages.erase(message); }
    std::size_t calls(Act act) const;

    std::map<std::string, Message> messages;  // by message reference
    core::Duration latency{std::chrono::milliseconds{50}};
    core::Duration busy_for{std::chrono::seconds{7}};
    bool can_find = true;
    // What becomes of a call, asked once per call; absent: nothing bad.
    std::function<Fault(Act act)> weather;
    std::size_t most_at_once = 0;

  private:
    // Sleeps, then says whether it happens and what the caller is told.
    struct Fate {
        bool happens = true;
        std::optional<Failure> told;
    };
    rt::asio::awaitable<Fate> fate(Act act);

    const rt::Clock& clock_;
    rt::Timers& timers_;
    std::map<Act, std::size_t> calls_;
    std::size_t under_way_ = 0;
    std::uint64_t next_ = 1;
};

}  // namespace countersign::test
