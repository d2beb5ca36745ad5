/** Models: a training that runs, as it gets on, and which two runs to compare. */
import { attempt, get, say } from './api.ts';
import { drawCurve } from './curves.ts';
import type { RunningAnswer } from './models-types.ts';

interface Progress {
  phase: string;
  share: number | null;
  secondsLeft: number | null;
}

const training = document.querySelector<HTMLElement>('#training');
if (training !== null) watch(training);

function watch(place: HTMLElement): void {
  const bar = place.querySelector('progress')!;
  const phase = place.querySelector('#phase')!;
  const figure = place.querySelector<HTMLElement>('figure')!;
  let wasRunning = !place.hidden;
  let curveAtMs = 0;

  document.addEventListener('persona:progress', (event) => {
    const progress = (event as CustomEvent<Progress | null>).detail;
    if (progress === null) {
      // what came of it stands in the list
      if (wasRunning) location.reload();
      return;
    }
    wasRunning = true;
    place.hidden = false;
    if (progress.share === null) bar.removeAttribute('value');
    else bar.value = progress.share;
    phase.textContent = sentence(progress);
    if (Date.now() - curveAtMs < 10_000) return;
    curveAtMs = Date.now();
    attempt(async () => {
      const { curve } = await get<RunningAnswer>('/api/models/running');
      figure.hidden = curve === null;
      if (curve !== null) drawCurve(figure, curve);
    });
  });
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
