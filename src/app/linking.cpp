#include "countersign/app/linking.hpp"

#include <utility>

#include "countersign/base/log.hpp"

namespace countersign::app {
namespace {

constexpr int draws_max = 5;  // of codes; four characters of one are taken by chance

}  // namespace

std::string account_text(const core::Directory& directory, const core::AccountId& account) {
    const auto* user = directory.user(account);
    if (!user || user->name.empty()) return account.text();
    return user->name + " (" + account.text() + ")";
}

std::vector<std::string> link_question(const core::Directory& directory, const LinkOffer& offer) {
    return {"Are both of these accounts yours?", account_text(directory, offer.asker),
            account_text(directory, offer.giver),
            "Once both sides agree they count as one person: one vote, and no vote on a request that either "
            "is behind. "
            "Agree only if you asked for this yourself, a moment ago."};
}

Later<Done> Linking::confide(core::AccountId to, Confidence what) {
    for (const auto& chat : parts_.chats) {
        if (core::name_of(chat.surface) != core::parts(to).kind) continue;
        auto deadline = runtime_.within(runtime_.limits.chat_deadline);
        co_return co_await chat.confidant.confide(std::move(to), std::move(what), deadline);
    }
    co_return fail(Trouble::not_found, "this account is in no chat that is connected");
}

AdminEvent Linking::linked_event(const core::AccountId& by) {
    return admin_event(AdminAct::person_linked, {},
                       core::Value::object({{"way", name_of(LinkWay::code)}, {"by", by.text()}}),
                       runtime_.now(), runtime_.entropy);
}

Later<std::string> Linking::ask_code(core::AccountId asker, Deadline deadline) {
    for (int draw = 1;; ++draw) {
        auto now = runtime_.now();
        auto code = mint_link_code(runtime_.entropy);
        auto id = LinkOfferId::mint(now, rt::chance(runtime_.entropy));
        LinkCodeStore::Asked asked{.id = id,
                                   .selector = code.selector,
                                   .hash = link_code_hash(id, code.secret),
                                   .asker = asker,
                                   .now = now};
        auto kept = co_await parts_.codes.ask(std::move(asked), deadline);
        if (kept) co_return code.text();
        if (kept.error().trouble != Trouble::conflict || draw == draws_max) co_return pass(kept);
    }
}

Later<LinkOffer> Linking::give_code(core::AccountId giver, std::string text, Deadline deadline) {
    auto code = read_link_code(text);
    if (!code)
        co_return fail(
            Trouble::invalid_input,
            "this is no code: one looks like 7K2M-ABCDE-FGHJK and comes from the command `link` in "
            "the other account",
            "no_code");
    auto offer = co_await parts_.codes.give(
        {.code = std::move(*code), .giver = std::move(giver), .now = runtime_.now()}, deadline);
    if (!offer) co_return pass(offer);
    // Both sides are shown both accounts by their newest names.
    co_await parts_.roster.ensure(offer->asker, std::vector<core::GroupId>{}, deadline);
    co_await parts_.roster.ensure(offer->giver, std::vector<core::GroupId>{}, deadline);
    auto directory = parts_.roster.snapshot();
    if (directory->person_of(offer->asker) == directory->person_of(offer->giver))
        co_return fail(Trouble::conflict, "these accounts are known to be one person's already",
                       "already_one");
    Confidence asked{.lines = link_question(*directory, *offer), .offer = offer->id};
    auto told = co_await confide(offer->asker, std::move(asked));
    if (!told)
        co_return fail(Trouble::unavailable,
                       "the account that asked for this code cannot be reached: " + told.error().detail);
    co_return offer;
}

Later<LinkOffer> Linking::answer_offer(LinkOfferId id, core::AccountId account, bool agrees,
                                       Deadline deadline) {
    auto fresh = StoredPersonId::mint(runtime_.now(), rt::chance(runtime_.entropy));
    auto offer = co_await parts_.codes.answer(
        {.offer = id, .account = account, .agrees = agrees, .fresh = fresh, .event = linked_event(account)},
        deadline);
    if (!offer) co_return pass(offer);
    if (offer->state == LinkOffer::State::waiting) co_return offer;
    if (offer->state == LinkOffer::State::linked) {
        auto known = co_await parts_.sync.refresh(deadline);
        if (!known) log::warn("app", "new links could not be read at once: {}", known.error().detail);
    }
    auto directory = parts_.roster.snapshot();
    auto other = offer->asker == account ? offer->giver : offer->asker;
    auto mine = account_text(*directory, account);
    Confidence news{.lines = {offer->state == LinkOffer::State::linked
                                  ? "Linked: " + mine + " and you count as one person from now on."
                                  : mine + " declined: nothing was linked."},
                    .offer = {}};
    auto told = co_await confide(std::move(other), std::move(news));
    if (!told) log::warn("app", "the other side of a link could not be told: {}", told.error().detail);
    co_return offer;
}

Later<Done> Linking::set_absence(core::Absence absence, Deadline deadline) {
    auto kept = co_await parts_.people.set_absence(std::move(absence), runtime_.now(), deadline);
    if (!kept) co_return pass(kept);
    co_return co_await parts_.sync.refresh(deadline);
}

}  // namespace countersign::app
