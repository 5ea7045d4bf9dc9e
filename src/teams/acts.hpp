#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "countersign/app/conversation.hpp"
#include "countersign/wire/teams_activity.hpp"

// What a button or a message of Teams means, read once at the edge.
namespace countersign::teams {

// A request's id, exactly as our buttons carry it.
std::optional<core::RequestId> request_of(const wire::TeamsPress& press);
std::optional<core::Verdict> verdict_of(std::string_view act);  // nullopt: no vote
std::optional<app::Question> question_of(const wire::TeamsPress& press);

// Teams delivers an act again under new ids: what tells two votes apart is who votes how, on which version,
// with which words.
app::Origin origin_of(const wire::TeamsPress& press, std::string_view object);
// A message keeps its id.
app::Origin origin_of(const wire::TeamsActivity& activity);

// The message that an activity's button stands on, as cards are known by: a card that begins a thread of a
// channel belongs to the channel. nullopt: the activity does not say.
std::optional<app::MessageRef> message_of(const wire::TeamsActivity& activity);
// The conversation to send to for that message's thread: "19:…;messageid=…" in channels.
// When Teams took the message that was acted on: its id is the time in milliseconds. nullopt: it is another.
std::optional<core::Instant> shown_since(const wire::TeamsActivity& activity);
std::string thread_of(const app::MessageRef& message);
bool is_channel(std::string_view conversation);  // not one of its threads, and no chat

// Passes through full views: whoever has the one of a page was shown it and all before it. They bind
// request, what is asked for, and person, so that none is good for another.
class Passes {
  public:
    explicit Passes(const Secret& key) : key_(key) {}
    std::string of(const core::RequestId& request, std::string_view digest, std::string_view object,
                   std::size_t page) const;
    // Says whether that press may see page `press.page`: the first one, or a neighbour of one that was seen.
    bool lets_see(const wire::TeamsPress& press, const core::RequestId& request,
                  std::string_view object) const;
    // Says whether everything before `press.page` was shown.
    bool shows_all_before(const wire::TeamsPress& press, const core::RequestId& request,
                          std::string_view object) const;

  private:
    const Secret& key_;
};

}  // namespace countersign::teams
