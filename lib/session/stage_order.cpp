#include "session/stage.h"
#include "session/stages/stages.h"

namespace unionroot::session {

Stages session_stages() {
  Stages stages;
  stages.push_back(std::make_unique<ProvideTreeStage>());
  stages.push_back(std::make_unique<SourceStage>());
  stages.push_back(std::make_unique<UnionStage>());
  stages.push_back(std::make_unique<InnerMountsStage>());
  stages.push_back(std::make_unique<FilesStage>());
  stages.push_back(std::make_unique<HooksStage>());
  stages.push_back(std::make_unique<ServicesStage>());
  stages.push_back(std::make_unique<HostViewStage>());
  return stages;
}

}  // namespace unionroot::session
