#include "countersign/app/linking.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/log.hpp"

namespace countersign::app {
namespace {

constexpr core::Duration read_within{std::chrono::seconds{5}};
constexpr int draws_max = 5;  // of codes; four characters of one are taken by chance
constexpr std::size_t page_max = 200;

std::unexpected<Failure> nowhere_to_link() {
    return fail(Trouble::unavailable, "accounts cannot be linked here");
}

Later<Done> catch_up(World& world, Deadline deadline) {
    auto known = world.roster.people_version();
    auto read = co_await world.people->read(known, deadline);
    if (!read) co_return pass(read);
    world.roster.set_people(std::move(*read), world.clock.now());
    co_return Done{};
}

Later<Done> confide(World& world, core::AccountId to, Confidence what) {
    for (auto& [surface, confidant] : world.confidants) {
        if (core::name_of(surface) != core::parts(to).kind) continue;
        Deadline deadline{world.clock.now() + world.limits.chat_deadline};
        co_return co_await confidant->confide(std::move(to), std::move(what), deadline);
    }
    co_return fail(Trouble::not_found, "this account is in no chat that is connected");
}

AdminEvent linked_event(World& world, const core::AccountId& by) {
    return admin_event(AdminAct::person_linked, {},
                       core::Value::object({{"way", name_of(LinkWay::code)}, {"by", by.text()}}),
                       world.clock.now(), world.entropy);
}

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

Later<std::string> ask_link_code(World& world, core::AccountId asker, Deadline deadline) {
    if (!world.link_codes) co_return nowhere_to_link();
    for (int draw = 1;; ++draw) {
        auto now = world.clock.now();
        auto code = mint_link_code(world.entropy);
        auto id = LinkOfferId::mint(now, rt::chance(world.entropy));
        LinkCodeStore::Asked asked{.id = id,
                                   .selector = code.selector,
                                   .hash = link_code_hash(id, code.secret),
                                   .asker = asker,
                                   .now = now};
        auto kept = co_await world.link_codes->ask(std::move(asked), deadline);
        if (kept) co_return code.text();
        if (kept.error().trouble != Trouble::conflict || draw == draws_max) co_return pass(kept);
    }
}

Later<LinkOffer> give_link_code(World& world, core::AccountId giver, std::string text, Deadline deadline) {
    if (!world.link_codes) co_return nowhere_to_link();
    auto code = read_link_code(text);
    if (!code)
        co_return fail(
            Trouble::invalid_input,
            "this is no code: one looks like 7K2M-ABCDE-FGHJK and comes from `/approvals link` in the "
            "other account",
            "no_code");
    auto offer = co_await world.link_codes->give(
        {.code = std::move(*code), .giver = std::move(giver), .now = world.clock.now()}, deadline);
    if (!offer) co_return pass(offer);
    // Both sides are shown both accounts by their newest names.
    co_await world.roster.ensure(offer->asker, std::vector<core::GroupId>{}, deadline);
    co_await world.roster.ensure(offer->giver, std::vector<core::GroupId>{}, deadline);
    auto directory = world.roster.snapshot();
    if (directory->person_of(offer->asker) == directory->person_of(offer->giver))
        co_return fail(Trouble::conflict, "these accounts are known to be one person's already",
                       "already_one");
    Confidence asked{.lines = link_question(*directory, *offer), .offer = offer->id};
    auto told = co_await confide(world, offer->asker, std::move(asked));
    if (!told)
        co_return fail(Trouble::unavailable,
                       "the account that asked for this code cannot be reached: " + told.error().detail);
    co_return offer;
}

Later<LinkOffer> answer_link_offer(World& world, LinkOfferId id, core::AccountId account, bool agrees,
                                   Deadline deadline) {
    if (!world.link_codes) co_return nowhere_to_link();
    auto fresh = StoredPersonId::mint(world.clock.now(), rt::chance(world.entropy));
    auto offer = co_await world.link_codes->answer({.offer = id,
                                                    .account = account,
                                                    .agrees = agrees,
                                                    .fresh = fresh,
                                                    .event = linked_event(world, account)},
                                                   deadline);
    if (!offer) co_return pass(offer);
    if (offer->state == LinkOffer::State::waiting) co_return offer;
    if (offer->state == LinkOffer::State::linked) {
        auto known = co_await catch_up(world, deadline);
        if (!known) log::warn("app", "new links could not be read at once: {}", known.error().detail);
    }
    auto directory = world.roster.snapshot();
    auto other = offer->asker == account ? offer->giver : offer->asker;
    auto mine = account_text(*directory, account);
    Confidence news{.lines = {offer->state == LinkOffer::State::linked
                                  ? "Linked: " + mine + " and you count as one person from now on."
                                  : mine + " declined: nothing was linked."},
                    .offer = {}};
    auto told = co_await confide(world, std::move(other), std::move(news));
    if (!told) log::warn("app", "the other side of a link could not be told: {}", told.error().detail);
    co_return offer;
}

Later<Done> set_absence(World& world, core::Absence absence, Deadline deadline) {
    if (!world.people) co_return nowhere_to_link();
    auto kept = co_await world.people->set_absence(std::move(absence), world.clock.now(), deadline);
    if (!kept) co_return pass(kept);
    co_return co_await catch_up(world, deadline);
}

Later<Done> know_people(World& world, Deadline deadline) {
    if (!world.people || world.roster.knows_people(world.clock.now())) co_return Done{};
    auto read = co_await catch_up(world, deadline);
    if (read || world.roster.knows_people(world.clock.now())) co_return Done{};
    co_return pass(read);
}

namespace {

// Every pending request that the newest links say something new about.
Later<Done> judge_open_requests(World& world) {
    ListFilter filter;
    filter.states = {core::State::pending};
    filter.limit = page_max;
    for (;;) {
        auto page = co_await world.cases.list(filter, Deadline{world.clock.now() + read_within});
        if (!page) co_return pass(page);
        for (const core::Case& c : page->cases) {
            auto directory = world.roster.snapshot();
            auto would =
                core::advance(c, core::Rejudge{}, *directory, world.clock.now(), world.roster.age_max());
            if (would.appended.empty()) continue;
            auto judged =
                co_await judge_again(world, c.request->id, Deadline{world.clock.now() + read_within});
            if (!judged && judged.error().trouble == Trouble::unavailable) co_return pass(judged);
            if (!judged)
                log::warn("app", "{} was not judged again: {}", c.request->id.text(), judged.error().detail);
        }
        if (!page->next_before) co_return Done{};
        filter.before_number = page->next_before;
    }
}

}  // namespace

rt::asio::awaitable<void> follow_people(World& world) {
    std::optional<std::int64_t> judged;
    for (;;) {
        auto read = co_await catch_up(world, Deadline{world.clock.now() + read_within});
        auto version = world.roster.people_version();
        if (read && version != judged && world.roster.complete()) {
            auto done = co_await judge_open_requests(world);
            if (done) judged = version;
            if (!done) log::warn("app", "open requests are yet to be judged again: {}", done.error().detail);
        }
        auto cancelled = co_await world.timers.sleep_until(world.clock.now() + world.limits.poll);
        if (cancelled) co_return;
    }
}

}  // namespace countersign::app
