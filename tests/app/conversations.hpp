#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "app/office.hpp"
#include "countersign/app/conversation.hpp"
#include "fakes/shown.hpp"

// An office whose people talk with it, without any chat.
namespace countersign::test {

using app::CardButton;
using app::CardExtent;
using app::Lines;
using app::Reply;
using core::State;
using core::Verdict;

struct Conversations : testing::Test {
    Office office;
    Process process{office};
    Ears ears;
    app::Chats chats;
    app::Linking linking{process.runtime,
                         {office.people, office.people, process.people, process.roster, chats}};
    fakes::ShownTo shown_before;
    app::SignInLinks links{process.runtime, Secret{"a key"}, "https://approvals.example/"};
    bool fits = true;
    app::Conversation slack{process.runtime, parts(), manner(core::Surface::slack)};
    int acts = 0;

    Conversations() { chats.add({core::Surface::slack, office.chat, ears, "#approvals"}); }

    app::Conversation::Parts parts() {
        return {process.requests, linking,      process.voting_tokens,
                process.roster,   office.store, shown_before,
                nullptr,          nullptr,      &links};
    }
    app::Conversation::Manner manner(core::Surface chat) {
        return {.chat = chat,
                .shows_everything = [this](const core::CardView&) { return fits; },
                .mentioned = [](std::string_view word) -> std::optional<core::AccountId> {
                    if (!word.starts_with('!')) return std::nullopt;
                    return core::AccountId{"slack:T0/" + std::string(word.substr(1))};
                }};
    }
    app::Act act(const std::string& user) {
        return {.account = core::AccountId{"slack:T0/" + user},
                .origin = {"act:" + std::to_string(++acts)},
                .answer_by = office.now() + 2s};
    }
    static Later<Reply> kept(rt::asio::awaitable<Reply> reply) { co_return co_await std::move(reply); }
    Reply get(rt::asio::awaitable<Reply> reply) { return office.get(kept(std::move(reply))).value(); }

    Reply say(const std::string& user, std::string_view words) {
        return get(slack.command(act(user), app::read_command(words)));
    }
    Reply press(const std::string& user, core::RequestId request, CardButton button = CardButton::approve,
                CardExtent shown = CardExtent::whole) {
        return get(slack.press(act(user), request, button, shown));
    }
    Reply submit(const std::string& user, core::RequestId request, Verdict verdict, std::string reason,
                 CardExtent shown = CardExtent::whole) {
        return get(slack.submit(act(user), request, verdict, std::move(reason), shown));
    }
    Reply say_in(const std::string& channel, const std::string& user, std::string_view words) {
        auto done = act(user);
        done.channel = channel;
        return get(slack.command(std::move(done), app::read_command(words)));
    }
    // They press the button of a question whether to approve.
    Reply agree(app::Act pressed, const Reply& question) {
        const auto& asked = std::get<app::ApproveQuestion>(question.what);
        pressed.shown_digest = asked.card.digest;
        return get(slack.approve_asked(std::move(pressed), asked.card.id, asked.card.version, asked.reason));
    }
    Reply agree(const std::string& user, const Reply& question) { return agree(act(user), question); }
    static Later<std::size_t> kept_number(rt::asio::awaitable<std::size_t> number) {
        co_return co_await std::move(number);
    }
    static Later<Done> kept_nothing(rt::asio::awaitable<void> done) {
        co_await std::move(done);
        co_return Done{};
    }
    static app::Ask with_resource(const std::string& action, const std::string& resource) {
        auto ask = Process::ask(action);
        ask.resource = resource;
        return ask;
    }
    // The card that is to stand in this channel stands there, as a message.
    void post(const std::string& name, const std::string& id, core::RequestId request) {
        office.get(
            office.store.adopt(request, {core::Surface::slack, name}, {id, request.text()}, office.soon()));
    }
    app::CasePtr now(core::RequestId request) {
        return office.get(process.requests.read(request, office.soon())).value();
    }
    State state(core::RequestId request) { return now(request)->ruling.state; }
    core::RequestId open(const std::string& action = "deploy") { return process.open(action)->c.request->id; }
    std::string number(core::RequestId request) { return std::to_string(now(request)->c.request->number); }
};

inline bool silent(const Reply& reply) {
    return std::holds_alternative<app::Silence>(reply.what);
}
inline std::string said(const Reply& reply) {
    const auto* lines = std::get_if<Lines>(&reply.what);
    if (lines == nullptr) return "(no words)";
    std::string all;
    for (const auto& line : lines->text) all += (all.empty() ? "" : "\n") + line;
    return all;
}

}  // namespace countersign::test
