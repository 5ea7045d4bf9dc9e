#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "countersign/app/ports.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::test {

// A chat in memory that can be late, refuse, lose answers, and do things twice or long after it said nothing.
class FakeChat final : public app::Chat {
  public:
    enum class Act : std::uint8_t { post, refresh, retire, say, find, read_thread };
    enum class Fault : std::uint8_t {
        none,
        unavailable,  // nothing happened, and the caller is told so
        lost_answer,  // it happened, the caller cannot know
        lost_call,    // it did not happen, the caller cannot know
        late,         // the caller cannot know; it happens `late_by` later
        twice,        // it happened two times
        overloaded,   // until `busy_for` from now
        refused,      // for good
    };
    struct Message {
        core::RequestId request;
        std::string channel;
        std::int32_t version = 0;
        core::State state = core::State::pending;
        std::size_t edits = 0;
        std::vector<std::string> lines = {};
        std::vector<std::int32_t> marks = {};  // the last entry that each line tells of
        bool retired = false;
        std::int64_t compared_with = 0;  // the number of the request that was approved before it; 0: none
    };

    FakeChat(const rt::Clock& clock, rt::Timers& timers) : clock_(clock), timers_(timers) {}

    Later<app::MessageRef> post(const core::CardView& card, const std::string& channel,
                                Deadline deadline) override;
    Later<Done> refresh(const app::MessageRef& message, const core::CardView& card,
                        Deadline deadline) override;
    Later<Done> retire(const app::MessageRef& message, const core::CardView& card,
                       Deadline deadline) override;
    Later<Done> say(const app::MessageRef& card, const core::ThreadLine& line, app::LineMark mark,
                    Deadline deadline) override;
    Later<std::vector<app::MessageRef>> find_posted(core::RequestId request, const std::string& channel,
                                                    core::Instant since, Deadline deadline) override;
    Later<std::int32_t> told_in_thread(const app::MessageRef& card, core::RequestId request,
                                       Deadline deadline) override;
    Later<Done> announce(std::string words, std::string raw, const std::string& channel, Deadline) override {
        announced.push_back({std::move(words), std::move(raw), channel});
        co_return Done{};
    }
    void remember(const app::MessageRef& message) override { remembered.push_back(message); }

    // What comes late and is due by now happens.
    void catch_up();
    void remove(const std::string& message) { messages.erase(message); }
    std::size_t calls(Act act) const;

    std::map<std::string, Message> messages;  // by message reference
    std::vector<app::MessageRef> remembered;
    struct Announced {
        std::string words;
        std::string raw;
        std::string channel;
    };
    std::vector<Announced> announced;
    core::Duration latency{std::chrono::milliseconds{50}};
    core::Duration busy_for{std::chrono::seconds{7}};
    core::Duration late_by{std::chrono::seconds{8}};
    bool can_find = true;
    std::set<std::string> barred;  // channels that do not exist, or that the bot is not in
    // What becomes of a call, asked once per call; absent: nothing bad.
    std::function<Fault(Act act)> weather;
    std::size_t most_at_once = 0;

  private:
    // Sleeps, does it or has it done later, and says what the caller is told; nullopt: that it was done.
    rt::asio::awaitable<std::optional<Failure>> fate(Act act, std::function<void()> effect);

    const rt::Clock& clock_;
    rt::Timers& timers_;
    std::map<Act, std::size_t> calls_;
    std::multimap<core::Instant, std::function<void()>> late_;
    std::size_t under_way_ = 0;
    std::uint64_t next_ = 1;
};

}  // namespace countersign::test
