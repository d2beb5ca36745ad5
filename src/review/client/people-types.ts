/** What the people's endpoints answer with. Types alone: the server (pages/people*.ts) and the page share them. */

export interface PeopleState {
  /** another value whenever the page would show something else */
  state: string;
}

export interface PeopleAnswer {
  /** what was done, as a sentence */
  said: string;
  /** the page that shows it */
  goTo: string;
}
