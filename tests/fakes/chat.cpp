#include "fakes/chat.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace countersign::test {

std::size_t FakeChat::calls(Act act) const {
    auto it = calls_.find(act);
    return it == calls_.end() ? 0 : it->second;
}

void FakeChat::catch_up() {
    while (!late_.empty() && late_.begin()->first <= clock_.now()) late_.extract(late_.begin()).mapped()();
}

rt::asio::awaitable<std::optional<Failure>> FakeChat::fate(Act act, std::function<void()> effect) {
    auto told = [](Trouble trouble, const char* detail) {
        return Failure{trouble, detail, "", "", std::source_location::current(), std::nullopt};
    };
    ++calls_[act];
    catch_up();
    auto fault = weather ? weather(act) : Fault::none;
    most_at_once = std::max(most_at_once, ++under_way_);
    co_await timers_.sleep_until(clock_.now() + latency);
    --under_way_;
    catch_up();
    switch (fault) {
        case Fault::none:
            break;
        case Fault::unavailable:
            co_return told(Trouble::unavailable, "the chat is down");
        case Fault::lost_answer:
            effect();
            co_return told(Trouble::timed_out, "no answer came");
        case Fault::lost_call:
            co_return told(Trouble::timed_out, "no answer came");
        case Fault::late:
            late_.emplace(clock_.now() + late_by, std::move(effect));
            co_return told(Trouble::timed_out, "no answer came");
        case Fault::twice:
            effect();
            break;
        case Fault::refused:
            co_return told(Trouble::invalid_input, "not a member of the channel");
        case Fault::overloaded: {
            auto failure = told(Trouble::overloaded, "slow down");
            failure.not_before = clock_.now() + busy_for;
            co_return failure;
        }
    }
    effect();
    co_return std::nullopt;
}

Later<app::MessageRef> FakeChat::post(const core::CardView& card, const std::string& channel, Deadline) {
    if (barred.contains(channel)) co_return fail(Trouble::invalid_input, "there is no " + channel);
    app::MessageRef ref{"C-" + channel, ""};
    auto posted = std::make_shared<app::MessageRef>(ref);
    auto failed =
        co_await fate(Act::post, [this, posted, where = channel, request = card.id, version = card.version,
                                  state = card.state, before = card.before ? card.before->number : 0] {
            posted->message = std::to_string(next_++);
            Message message{request, where, version, state, 0};
            message.compared_with = before;
            messages.insert_or_assign(posted->message, std::move(message));
        });
    if (failed) co_return std::unexpected(std::move(*failed));
    co_return *posted;
}

Later<Done> FakeChat::refresh(const app::MessageRef& message, const core::CardView& card, Deadline) {
    auto ref = message.message;
    auto failed = co_await fate(Act::refresh, [this, ref, version = card.version, state = card.state,
                                               before = card.before ? card.before->number : 0] {
        auto it = messages.find(ref);
        if (it == messages.end()) return;
        it->second.version = version;
        it->second.compared_with = before;
        it->second.state = state;
        ++it->second.edits;
    });
    if (failed) co_return std::unexpected(std::move(*failed));
    if (!messages.contains(ref)) co_return fail(Trouble::not_found, "no such message");
    co_return Done{};
}

Later<Done> FakeChat::retire(const app::MessageRef& message, const core::CardView&, Deadline) {
    auto ref = message.message;
    auto failed = co_await fate(Act::retire, [this, ref] {
        if (auto it = messages.find(ref); it != messages.end()) it->second.retired = true;
    });
    if (failed) co_return std::unexpected(std::move(*failed));
    if (!messages.contains(ref)) co_return fail(Trouble::not_found, "no such message");
    co_return Done{};
}

Later<Done> FakeChat::say(const app::MessageRef& card, const core::ThreadLine& line, app::LineMark mark,
                          Deadline) {
    auto ref = card.message;
    auto text = line.who.name.empty() ? line.text : line.who.name + " " + line.text;
    for (const auto& who : line.asks) text += " @" + who.name;
    auto failed = co_await fate(Act::say, [this, ref, text, mark] {
        auto it = messages.find(ref);
        if (it == messages.end()) return;
        it->second.lines.push_back(text);
        it->second.marks.push_back(mark.entry);
    });
    if (failed) co_return std::unexpected(std::move(*failed));
    if (!messages.contains(ref)) co_return fail(Trouble::not_found, "no such message");
    co_return Done{};
}

Later<std::vector<app::MessageRef>> FakeChat::find_posted(core::RequestId request, const std::string& channel,
                                                          core::Instant, Deadline) {
    auto where = channel;
    auto failed = co_await fate(Act::find, [] {});
    if (failed) co_return std::unexpected(std::move(*failed));
    std::vector<app::MessageRef> found;
    if (!can_find) co_return found;
    for (const auto& [ref, message] : messages)
        if (message.request == request && message.channel == where) found.push_back({"C-" + where, ref});
    co_return found;
}

Later<std::int32_t> FakeChat::told_in_thread(const app::MessageRef& card, core::RequestId, Deadline) {
    auto ref = card.message;
    auto failed = co_await fate(Act::read_thread, [] {});
    if (failed) co_return std::unexpected(std::move(*failed));
    auto it = messages.find(ref);
    if (it == messages.end()) co_return fail(Trouble::not_found, "no such message");
    std::int32_t told = 0;
    if (can_find)
        for (auto mark : it->second.marks) told = std::max(told, mark + 1);
    co_return told;
}

}  // namespace countersign::test
