#pragma once
#include <string>

#include "countersign/app/cards.hpp"
#include "countersign/app/runtime.hpp"
#include "countersign/wire/teams_card.hpp"
#include "teams/connector.hpp"
#include "teams/directory.hpp"
#include "teams/references.hpp"

namespace countersign::teams {

// What the bot says in Teams: cards of requests, lines in their threads, and things for one person. Failures
// are those of app::Chat.
class Speech {
  public:
    Speech(const TeamsSettings& settings, Connector& connector, References& references,
           TeamsDirectory& directory)
        : settings_(settings), connector_(connector), references_(references), directory_(directory) {}

    // `channel`: a channel, one of its threads, a group chat, or a person ("object id" or "tenant/object
    // id").
    Later<app::MessageRef> post(const core::CardView& card, const std::string& channel, Deadline deadline);
    Later<Done> announce(std::string words, std::string raw, const std::string& channel, Deadline deadline);
    Later<Done> refresh(const app::MessageRef& message, const core::CardView& card, Deadline deadline);
    Later<Done> retire(const app::MessageRef& message, const core::CardView& card, Deadline deadline);
    // Leaves these words of a card, and nothing to press.
    Later<Done> close(const app::MessageRef& message, std::string words, Deadline deadline);
    Later<Done> say(const app::MessageRef& card, const core::ThreadLine& line, Deadline deadline);
    // Says it in the person's own conversation with the bot.
    Later<Done> tell(std::string object, const wire::TeamsCard& what, Deadline deadline);
    // Tells a conversation that somebody was not answered there.
    Later<Done> answer_in(std::string conversation, const wire::TeamsCard& what, Deadline deadline);
    // In a channel or a group chat, shown to this one person. Fails with not_found where the settings do not
    // have it, or Teams once showed such a message to all.
    Later<Done> answer_alone(std::string conversation, std::string mri, const wire::TeamsCard& what,
                             Deadline deadline);

    wire::TeamsStyle style() const { return {.link_hosts = settings_.link_hosts, .viewers = {}}; }

  private:
    Later<std::string> destination(std::string channel, Deadline deadline);
    Later<app::MessageRef> post_message(wire::TeamsCard card, std::string conversation, Deadline deadline);
    Later<app::MessageRef> begin_thread(std::string channel, std::string message, Deadline deadline);
    Later<app::MessageRef> send(std::string conversation, std::string message, Deadline deadline);
    Later<Done> replace(const app::MessageRef& message, std::string with, Deadline deadline);

    const TeamsSettings& settings_;
    Connector& connector_;
    References& references_;
    TeamsDirectory& directory_;
    bool shown_to_all_ = false;  // what was meant for one person
};

}  // namespace countersign::teams
