#include <fmt/core.h>

#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <span>
#include <utility>

#include "countersign/adapters/evidence.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"

namespace countersign::evidence {
namespace {

constexpr core::Duration witness_pace{std::chrono::seconds{5}};
constexpr core::Duration witness_patience{std::chrono::seconds{5}};
constexpr std::size_t rounds_of_agreement_max = 2;  // a size that we did not know, and then the proof from it

class RealWitnesses final : public Witnesses {
  public:
    RealWitnesses(std::vector<Witness> witnesses, std::string origin, WitnessParts parts)
        : origin_(std::move(origin)), parts_(parts) {
        for (auto& witness : witnesses) asked_.push_back({std::move(witness), {}});
    }
    rt::asio::awaitable<void> run() override;
    std::string problem() const override { return problem_; }

  private:
    struct Asked {
        Witness witness;
        std::optional<std::int64_t> seen;  // of the log, as it told us
    };
    using Growth = app::TreeStore::Growth;

    Later<Done> ask(Asked& asked);
    Later<net::HttpResponse> post(const Witness& witness, std::int64_t seen, const Growth& growth);
    Later<Done> take(Asked& asked, const Growth& growth, const std::string& lines);
    Deadline soon() const { return parts_.runtime.within(witness_patience); }

    const std::string origin_;
    WitnessParts parts_;
    std::vector<Asked> asked_;
    std::string problem_;
};

Later<net::HttpResponse> RealWitnesses::post(const Witness& witness, std::int64_t seen,
                                             const Growth& growth) {
    auto url = net::parse_url(witness.url + "/add-checkpoint");
    if (!url) co_return pass(url);
    net::HttpRequest request;
    request.method = "POST";
    request.target = url->target;
    request.fields.add("Content-Type", "text/plain; charset=utf-8");
    request.body = tlog::add_checkpoint_body(seen, growth.hashes, growth.checkpoint);
    co_return co_await parts_.client.send(*url, std::move(request), soon());
}

// Keeps the line that verifies; a witness that answers with another one signed nothing.
Later<Done> RealWitnesses::take(Asked& asked, const Growth& growth, const std::string& lines) {
    auto signed_by_log = tlog::parse_note(growth.checkpoint);
    if (!signed_by_log) co_return pass(signed_by_log);
    auto note = tlog::parse_note(signed_by_log->text + "\n" + lines);
    if (!note) co_return fail(Trouble::unavailable, "its answer is no signature");
    auto good = tlog::verify_note(*note, std::span{&asked.witness.key, 1});
    if (!good) co_return fail(Trouble::unavailable, "its signature is wrong");
    std::erase_if(note->signatures, [&](const tlog::NoteSignature& one) {
        return one.name != asked.witness.key.name || one.key_id != asked.witness.key.id();
    });
    note->signatures.resize(1);
    auto line = tlog::text_of(*note).substr(note->text.size() + 1);
    auto kept = co_await parts_.tree.keep_cosignature(
        {origin_, growth.size, asked.witness.key.name, std::move(line)}, soon());
    if (kept) asked.seen = growth.size;
    co_return kept;
}

// What a witness answers with 409: the size of the newest checkpoint that it signed.
std::optional<std::int64_t> size_in(std::string_view body) {
    auto text = trim(body);
    std::int64_t size = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    bool whole = error == std::errc{} && end == text.data() + text.size() && size >= 0 && !text.empty();
    return whole ? std::optional(size) : std::nullopt;
}

Later<Done> RealWitnesses::ask(Asked& asked) {
    if (!asked.seen) {
        auto known = co_await parts_.tree.cosigned(origin_, asked.witness.key.name, soon());
        if (!known) co_return pass(known);
        asked.seen = *known;
    }
    for (std::size_t round = 0; round < rounds_of_agreement_max; ++round) {
        auto growth = co_await parts_.tree.prove_growth(origin_, *asked.seen, soon());
        if (!growth && growth.error().code == "not_published") co_return Done{};
        if (!growth && growth.error().code == "log_shrunk") {
            auto seen = *std::exchange(asked.seen, std::nullopt);
            co_return fail(Trouble::conflict,
                           fmt::format("it saw {} events of this log, more than there are: this database is "
                                       "older than what was published of it",
                                       seen));
        }
        if (!growth) co_return pass(growth);
        if (growth->size == *asked.seen) co_return Done{};
        auto answer = co_await post(asked.witness, *asked.seen, *growth);
        if (!answer) co_return pass(answer);
        if (answer->status == 200) co_return co_await take(asked, *growth, answer->body);
        auto seen = answer->status == 409 ? size_in(answer->body) : std::nullopt;
        if (!seen) co_return fail(Trouble::unavailable, fmt::format("it answered {}", answer->status));
        asked.seen = *seen;
    }
    co_return fail(Trouble::unavailable, "it says each time that it saw another size");
}

rt::asio::awaitable<void> RealWitnesses::run() {
    for (;;) {
        std::string problem;
        for (auto& asked : asked_) {
            auto done = co_await ask(asked);
            if (done || !problem.empty()) continue;
            problem = fmt::format("the witness {} does not sign: {}", visible(asked.witness.key.name),
                                  done.error().detail);
        }
        if (problem != problem_ && problem.empty()) log::info("log", "every witness signs again");
        if (problem != problem_ && !problem.empty()) log::warn("log", "{}", problem);
        problem_ = std::move(problem);
        auto cut = co_await parts_.runtime.timers.sleep_until(parts_.runtime.now() + witness_pace);
        if (cut) co_return;
    }
}

}  // namespace

std::unique_ptr<Witnesses> make_witnesses(std::vector<Witness> witnesses, std::string origin,
                                          WitnessParts parts) {
    return std::make_unique<RealWitnesses>(std::move(witnesses), std::move(origin), parts);
}

}  // namespace countersign::evidence
