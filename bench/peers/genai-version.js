/** The version of @genai-fi/nanogpt that the bench installs, and that its driver is written for. */
export const genaiVersion = '1.3.0';
