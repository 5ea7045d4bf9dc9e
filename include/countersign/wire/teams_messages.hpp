#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/wire/reason_asked.hpp"
#include "countersign/wire/teams_activity.hpp"
#include "countersign/wire/teams_card.hpp"

// What is said in Teams beside the cards of requests: to one person, in a card's thread, and as the body that
// answers an invoke.
namespace countersign::wire {

TeamsCard teams_thread_line(const core::ThreadLine& line, const TeamsStyle& style);

// ---- for one person

TeamsCard teams_lines(const std::vector<std::string>& lines);  // each hostile on its own
// Draws what is announced in a channel: a sentence of ours, and below it a text exactly as it is.
TeamsCard teams_announcement(std::string_view words, std::string_view raw);
// `to_review`: those of them that whoever reads the list may review.
TeamsCard teams_list(std::string_view heading, const std::vector<core::CardSummary>& items,
                     const std::vector<core::RequestId>& to_review = {});
// `about` and `id` of the question; both buttons carry them.
TeamsCard teams_question(const std::vector<std::string>& lines, std::string_view about, std::string_view id);
// Leads whoever approves a request to their sign-in; `about` is the request in a few words, `address` is
// theirs alone.
TeamsCard teams_sign_in(std::string_view about, std::string_view address);
// A sentence with a button that opens the full view of a request, from which it can be approved.
TeamsCard teams_full_view_offer(std::string_view sentence, const core::RequestId& request);

// ---- messages and answers

JsonText teams_message(const TeamsCard& card);  // an activity to send
// An activity that Teams shows in a conversation to this one person, by the bot's id of them.
JsonText teams_targeted_message(const TeamsCard& card, std::string_view recipient);
// Bodies that answer adaptiveCard/action.
JsonText teams_card_answer(const JsonText& card);
JsonText teams_words_answer(std::string_view words);
JsonText teams_error_answer(std::string_view code, std::string_view words);
// Bodies that answer task/fetch and task/submit.
JsonText teams_dialog_answer(std::string_view title, const JsonText& card);
JsonText teams_dialog_words(std::string_view words);
// A form that sends the same press again, with a reason; in a dialog, or in the card's place.
JsonText teams_reason_form(const ReasonAsked& asked, const TeamsPress& press, bool in_dialog);
// The body that answers composeExtension/query.
JsonText teams_results_answer(const std::vector<core::CardSummary>& items);
JsonText teams_results_words(std::string_view words);

}  // namespace countersign::wire
