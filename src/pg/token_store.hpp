#pragma once
#include <functional>

#include "countersign/app/identity.hpp"
#include "countersign/app/ports.hpp"
#include "pg/job.hpp"
#include "pg/sealing.hpp"

namespace countersign::pg {

class PgTokenStore final : public app::TokenStore, public app::SeenTokens {
  public:
    PgTokenStore(Pool& pool, Sealing& sealing, const rt::Clock& clock)
        : pool_(pool), sealing_(sealing), clock_(clock) {}
    Later<app::Token> by_hash(Sha256 hash, Deadline deadline) override;
    Later<app::Token> by_id(core::TokenId id, Deadline deadline) override;
    Later<std::vector<app::Token>> list(Deadline deadline) override;
    Later<Done> create(app::Token token, Sha256 hash, app::AdminEvent event, Deadline deadline) override;
    Later<Done> revoke(core::TokenId id, core::Instant now, app::AdminEvent event,
                       Deadline deadline) override;
    Later<Done> confirm(core::TokenId id, app::Token::Confirmation how, app::AdminEvent event,
                        Deadline deadline) override;
    Later<Done> used(std::vector<std::pair<core::TokenId, core::Instant>> uses, Deadline deadline) override;
    Later<bool> first_use(Sha256 token, Sha256 purpose, core::Instant until, core::Instant now,
                          Deadline deadline) override;

  private:
    Later<app::Token> one(const Query& query, Arguments arguments, Deadline deadline);
    Outcome<Done> change(Session& session, const core::TokenId& id, const app::AdminEvent& event,
                         const std::function<Result<bool>(app::Token&)>& change);

    Pool& pool_;
    Sealing& sealing_;
    const rt::Clock& clock_;
};

}  // namespace countersign::pg
