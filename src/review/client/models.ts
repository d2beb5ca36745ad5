/** Models: a training that runs, as it gets on, and which two runs to compare. */
import { attempt, get, say } from './api.ts';
import { drawCurve } from './curves.ts';
import type { Progress, RunningAnswer } from './models-types.ts';

const training = document.querySelector<HTMLElement>('#training');
if (training !== null) watch(training);

function watch(place: HTMLElement): void {
  const bar = place.querySelector('progress')!;
  const phase = place.querySelector('#phase')!;
  const figure = place.querySelector<HTMLElement>('figure')!;
  let wasRunning = !place.hidden;
  let curveAtMs = 0;

  const show = (progress: Progress): void => {
    wasRunning = true;
    place.hidden = false;
    if (progress.share === null) bar.removeAttribute('value');
    else bar.value = progress.share;
    phase.textContent = sentence(progress);
  };
  const look = (): void =>
    attempt(async () => {
      curveAtMs = Date.now();
      const { progress, curve } = await get<RunningAnswer>('/api/models/running');
      if (progress !== null) show(progress);
      figure.hidden = curve === null;
      if (curve !== null) drawCurve(figure, curve);
    });

  document.addEventListener('persona:progress', (event) => {
    const progress = (event as CustomEvent<Progress | null>).detail;
    if (progress !== null) show(progress);
    else if (wasRunning) location.reload(); // what came of it stands in the list
    if (progress !== null && Date.now() - curveAtMs >= 10_000) look();
  });
  if (wasRunning) look(); // the first event may have come before this script
}

function sentence({ phase, share, secondsLeft }: Progress): string {
  const done = share === null ? '' : `, ${Math.round(share * 100)} %`;
  const left = secondsLeft === null ? '' : `, about ${duration(secondsLeft)} left`;
  return `${phase}${done}${left}`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

const compare = document.querySelector<HTMLElement>('#compare');
compare?.addEventListener('submit', (event) => {
  event.preventDefault();
  const [a, b] = ['#a', '#b'].map((id) => compare.querySelector<HTMLSelectElement>(id)?.value ?? '');
  if (a === b) return say('Choose two different runs.');
  location.assign(`/models/compare?${new URLSearchParams({ a: a ?? '', b: b ?? '' }).toString()}`);
});
