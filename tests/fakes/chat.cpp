#include "fakes/chat.hpp"

#include <algorithm>
#include <utility>

namespace countersign::test {

std::size_t FakeChat::calls(Act act) const {
    auto it = calls_.find(act);
    return it == calls_.end() ? 0 : it->second;
}

rt::asio::awaitable<FakeChat::Fate> FakeChat::fate(Act act) {
    ++calls_[act];
    auto fault = weather ? weather(act) : Fault::none;
    most_at_once = std::max(most_at_once, ++under_way_);
    co_await timers_.sleep_until(clock_.now() + latency);
    --under_way_;
    auto told = [](Trouble trouble, const char* detail) {
        return Failure{trouble, detail, "", "", std::source_location::current(), std::nullopt};
    };
    switch (fault) {
        case Fault::none:
            break;
        case Fault::unavailable:
            co_return Fate{false, told(Trouble::unavailable, "the chat is down")};
        case Fault::lost_answer:
            co_return Fate{true, told(Trouble::timed_out, "no answer came")};
        case Fault::lost_call:
            co_return Fate{false, told(Trouble::timed_out, "no answer came")};
        case Fault::refused:
            co_return Fate{false, told(Trouble::invalid_input, "not a member of the channel")};
        case Fault::overloaded: {
            auto failure = told(Trouble::overloaded, "slow down");
            failure.not_before = clock_.now() + busy_for;
            co_return Fate{false, failure};
        }
    }
    co_return Fate{true, std::nullopt};
}

Later<app::MessageRef> FakeChat::post(const core::CardView& card, const std::string& channel, Deadline) {
    auto request = card.id;
    auto version = card.version;
    auto state = card.state;
    auto where = channel;
    auto outcome = co_await fate(Act::post);
    app::MessageRef ref{"C-" + where, std::to_string(next_)};
    if (outcome.happens) {
        ++next_;
        messages.insert_or_assign(ref.message, Message{request, where, version, state, 0, {}});
    }
    if (outcome.told) co_return std::unexpected(std::move(*outcome.told));
    co_return ref;
}

Later<Done> FakeChat::refresh(const app::MessageRef& message, const core::CardView& card, Deadline) {
    auto ref = message;
    auto version = card.version;
    auto state = card.state;
    auto outcome = co_await fate(Act::refresh);
    auto it = messages.find(ref.message);
    if (it == messages.end() && !outcome.told) co_return fail(Trouble::not_found, "no such message");
    if (outcome.happens && it != messages.end()) {
        it->second.version = version;
        it->second.state = state;
        ++it->second.edits;
    }
    if (outcome.told) co_return std::unexpected(std::move(*outcome.told));
    co_return Done{};
}

Later<Done> FakeChat::say(const app::MessageRef& card, const core::ThreadLine& line, Deadline) {
    auto ref = card;
    auto text = line.who.name.empty() ? line.text : line.who.name + " " + line.text;
    for (const auto& who : line.asks) text += " @" + who.name;
    auto outcome = co_await fate(Act::say);
    auto it = messages.find(ref.message);
    if (it == messages.end() && !outcome.told) co_return fail(Trouble::not_found, "no such message");
    if (outcome.happens && it != messages.end()) it->second.lines.push_back(std::move(text));
    if (outcome.told) co_return std::unexpected(std::move(*outcome.told));
    co_return Done{};
}

Later<std::optional<app::MessageRef>> FakeChat::find_posted(core::RequestId request,
                                                            const std::string& channel, core::Instant,
                                                            Deadline) {
    auto where = channel;
    auto outcome = co_await fate(Act::find);
    if (outcome.told) co_return std::unexpected(std::move(*outcome.told));
    if (!can_find) co_return std::nullopt;
    for (const auto& [ref, message] : messages)
        if (message.request == request && message.channel == where)
            co_return app::MessageRef{"C-" + where, ref};
    co_return std::nullopt;
}

}  // namespace countersign::test
