// Runs a command once people have approved exactly it in chat:
//
//   countersign(action: 'deploy.api', environment: 'production', run: './deploy.sh')
//
// `url`: of the server, else COUNTERSIGN_URL of the node or the folder. `credentialsId`: of a secret text with a token
// of scope `request`, 'countersign' unless said otherwise. `onBehalfOf`: the person this is for, who then cannot approve.
def call(Map ask) {
  String script = "${pwd(tmp: true)}/countersign.sh"
  writeFile file: script, text: libraryResource('countersign.sh')
  // Values go through the environment: pasted into the script they could be commands.
  withEnv([
      "COUNTERSIGN_URL=${ask.url ?: env.COUNTERSIGN_URL}", "COUNTERSIGN_SCRIPT=${script}", "ASKED_ACTION=${ask.action}",
      "ASKED_RESOURCE=${ask.resource ?: env.JOB_NAME}", "ASKED_ENVIRONMENT=${ask.environment ?: ''}",
      "ASKED_INTENT=${ask.intent ?: ''}", "ASKED_FOR=${ask.onBehalfOf ?: ''}", "ASKED_RUN=${ask.run}"]) {
    withCredentials([string(credentialsId: ask.credentialsId ?: 'countersign', variable: 'COUNTERSIGN_TOKEN')]) {
      sh label: "Approved: ${ask.action}", script: '''
        sh "$COUNTERSIGN_SCRIPT" --action "$ASKED_ACTION" --resource "$ASKED_RESOURCE" \
          --environment "$ASKED_ENVIRONMENT" --intent "$ASKED_INTENT" --link "$BUILD_TAG=$BUILD_URL" \
          ${ASKED_FOR:+--on-behalf-of "$ASKED_FOR"} -- sh -ec "$ASKED_RUN"
      '''
    }
  }
}
