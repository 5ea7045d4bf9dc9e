#include <chrono>
#include <utility>

#include "countersign/adapters/evidence.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "evidence/signer.hpp"

namespace countersign::evidence {
namespace {

constexpr core::Duration publish_patience{std::chrono::seconds{5}};
// A checkpoint comes so long after an event at the latest, where nothing fails.
constexpr core::Duration publish_pace{std::chrono::milliseconds{400}};
constexpr core::Duration publish_retry{std::chrono::seconds{1}};
// So often it is looked whether all is signed, whatever was heard.
constexpr core::Duration publish_look{std::chrono::seconds{5}};

class RealPublisher final : public LogPublisher {
  public:
    RealPublisher(LogIdentity identity, std::vector<LoggedKey> keys, bool signs, PublisherParts parts)
        : signer_(std::move(identity)),
          keys_(std::move(keys)),
          signs_(signs),
          runtime_(parts.runtime),
          log_(parts.log),
          tree_(parts.tree) {}

    rt::asio::awaitable<void> run() override {
        for (;;) {
            std::int64_t seen = log_.size();
            auto done = co_await once();
            bool failed = !done;
            note(done);
            auto cut = co_await runtime_.timers.sleep_until(runtime_.now() +
                                                            (failed ? publish_retry : publish_pace));
            if (cut) co_return;
            if (failed || log_.size() != seen) continue;
            co_await log_.grown().wait_until(runtime_.timers, runtime_.now() + publish_look);
        }
    }
    std::string problem() const override { return problem_; }

  private:
    Later<Done> once();
    Later<Done> tell_keys();
    void note(const Result<Done>& done);

    const Signer signer_;
    std::vector<LoggedKey> keys_;  // of which the log was not told yet
    const bool signs_;
    const app::Runtime& runtime_;
    app::LogTail& log_;
    app::TreeStore& tree_;
    std::string problem_;
};

Later<Done> RealPublisher::tell_keys() {
    std::vector<app::TreeStore::KeyFact> facts;
    for (const auto& one : keys_) {
        bool retired = !one.until.empty();
        std::string id = sha256_hex(one.key.bytes);
        auto about = core::Value::object(
            {{"purpose", one.purpose}, {"algorithm", name_of(one.key.type)}, {"key", base64(one.key.bytes)}});
        if (retired) about.set("until", one.until);
        auto act = retired ? app::AdminAct::key_retired : app::AdminAct::key_published;
        facts.push_back(
            {one.purpose + " " + id, retired,
             app::admin_event(act, "sha256:" + id, std::move(about), runtime_.now(), runtime_.entropy)});
    }
    auto told = co_await tree_.tell_keys(std::move(facts), runtime_.within(publish_patience));
    if (told) keys_.clear();
    if (told) log_.committed();
    co_return told;
}

Later<Done> RealPublisher::once() {
    if (!keys_.empty()) {
        auto told = co_await tell_keys();
        if (!told) co_return told;
    }
    Result<app::TreeStore::Integrated> grown = app::TreeStore::Integrated{{}, true};
    while (grown->more) {
        grown = co_await tree_.integrate(runtime_.within(publish_patience));
        if (!grown) co_return pass(grown);
    }
    if (!signs_ || grown->head.size == 0) co_return Done{};
    auto sign = [this](const app::TreeStore::ToSign& what) { return signer_.sign(what); };
    auto published = co_await tree_.publish(signer_.origin(), sign, runtime_.within(publish_patience));
    if (!published) co_return pass(published);
    co_return Done{};
}

void RealPublisher::note(const Result<Done>& done) {
    std::string problem = done ? std::string{} : done.error().detail;
    if (problem == problem_) return;
    if (problem.empty())
        log::info("log", "checkpoints are signed again");
    else if (done.error().trouble == Trouble::unavailable)
        log::warn("log", "no checkpoint is signed: {}", problem);
    else
        log::error("log", "no checkpoint is signed: {}", problem);
    problem_ = std::move(problem);
}

}  // namespace

std::unique_ptr<LogPublisher> make_log_publisher(LogIdentity identity, std::vector<LoggedKey> keys,
                                                 bool signs, PublisherParts parts) {
    return std::make_unique<RealPublisher>(std::move(identity), std::move(keys), signs, parts);
}

}  // namespace countersign::evidence
